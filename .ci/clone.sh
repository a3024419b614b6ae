# Sourced: a place that all may read, whose name holds a space, and this commit in it, as a newcomer has it.
# Needs: here, the checkout. Gives: place, which is removed at the end, and bare, the PATH that a bare Debian has.
place=$(mktemp -d "/var/tmp/ims ci.XXXXXX")
trap 'rm -rf "$place"' EXIT
trap 'exit 1' HUP INT TERM
chmod 755 "$place"
bare=/usr/sbin:/usr/bin:/sbin:/bin
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE

# clone FOLDER: this commit there, and nothing that isn't committed. Without git's leave (another user's checkout, a
# shallow one) only its files.
clone() {
    if ! git clone --quiet --no-hardlinks "$here" "$1" 2>/dev/null; then
        rm -rf "$1"
        mkdir "$1"
        git -c safe.directory='*' -C "$here" archive HEAD | tar -x -C "$1"
    fi
}
