#!/bin/sh
# `make install`, as root: ims for all users of this machine, in /opt/ims or PREFIX, with the versions of
# packaging/lock.txt; `ims` on PATH; what services compile, compiled. Run again after `git pull`, it upgrades.
#
# All is made in PREFIX/.ims-new, from links to what is there already, and put in its place when it is whole: without network,
# with a wrong hash or a full disk, what was installed stays as it is. Packages that an operator added stay, too, and
# whatever else he keeps in PREFIX is never touched.
set -eu
umask 022
unset PYTHONPATH PYTHONHOME  # of root's own programs; services have neither
prefix=${PREFIX:-/opt/ims}
link=/usr/local/bin/ims
cache=/var/cache/ims
ours="bin etc include lib lib32 lib64 libexec man sbin share pyvenv.cfg lock.txt" # replacement.py's ENTRIES

say() { echo "install: $*" >&2; }
die() {
    say "$*"
    exit 2
}

[ "$(id -u)" = 0 ] || die "only root can install for all users: sudo make install"
cd "$(dirname "$0")/.."
. scripts/python.sh
case $prefix in
*[\'\"\\]* | *[[:cntrl:]]*) die "PREFIX=$prefix: systemd starts no program there; expected no quotes and backslashes" ;;
/*) ;;
*) die "PREFIX=$prefix: expected a whole path, such as /opt/ims" ;;
esac
prefix=$(realpath -ms "$prefix")
case $prefix in
/ | /usr | /usr/local | /opt) die "PREFIX=$prefix: expected a folder for ims alone, such as /opt/ims" ;;
/home/* | /root/* | /tmp/* | /var/tmp/* | /run/*)
    die "PREFIX=$prefix: services can't reach it there; expected a folder such as /opt/ims" ;;
esac
led=$(realpath -m "$prefix")
[ "$led" = "$prefix" ] || die "PREFIX=$prefix: a link is on the way there; expected PREFIX=$led"

# Who can write to a folder can put another program in the place of what is in it, and root's services run it.
folder=$prefix
while :; do
    if [ -e "$folder" ]; then
        [ -d "$folder" ] || die "PREFIX=$prefix: $folder is not a folder"
        [ -n "$(find "$folder" -prune -user 0 ! -perm /022)" ] ||
            die "PREFIX=$prefix: others than root can write to $folder ($(stat -c 'owner %u, mode %a' "$folder"))"
    fi
    [ "$folder" != / ] || break
    folder=$(dirname "$folder")
done
if [ -e "$prefix" ] && [ -z "$(find "$prefix" -prune -perm -055)" ]; then
    die "PREFIX=$prefix: only root can read it, and services run as other users: chmod 755 '$prefix'"
fi
new=$prefix/.ims-new
old=$prefix/.ims-old
gone=$prefix/.ims-gone
if [ -e "$prefix" ] && [ ! -f "$prefix/pyvenv.cfg" ] && [ ! -e "$new" ] && [ ! -e "$old" ] &&
    [ -n "$(find "$prefix" -mindepth 1 -maxdepth 1 ! -name lost+found)" ]; then
    die "$prefix holds something else than an installation of ims: move it away, or say PREFIX=FOLDER"
fi
if [ -e "$link" ] && [ ! -L "$link" ]; then
    die "$link is there already and is no link: move it away"
fi

quiet=--quiet
if [ -t 2 ]; then quiet=; fi
unchanged="not done: what was installed before is as it was"

[ -e "$prefix" ] && made= || made=$prefix
mkdir -p "$prefix" || die "$prefix can't be made"
exec 9<"$prefix"
flock --nonblock 9 || die "another make install is at work in $prefix"
trap 'rm -rf "$new"; [ -z "$made" ] || rmdir "$made" 2>/dev/null || true' EXIT
trap 'exit 130' HUP INT TERM
# One that was killed in the middle of putting a new version in place: the former one is put back.
if [ -e "$old" ]; then
    for entry in $ours; do
        if [ -e "$old/$entry" ] || [ -L "$old/$entry" ]; then
            { rm -rf "${prefix:?}/$entry" && mv "$old/$entry" "$prefix/"; } || die "$old/$entry can't be put back"
        fi
    done
    rmdir "$old" || die "$old can't be removed"
fi
rm -rf "$new" "$gone"
mkdir "$new" || die "$unchanged"

# Through -m: a script's first line breaks where the path is long or holds a space.
pip() { "$new/bin/python" -m pip --disable-pip-version-check "$@" >&2; }
names() { sed -n 's/^\([A-Za-z0-9._-]*\)==.*/\1/p' "$1"; }

there() { for entry in $ours; do if [ -e "$prefix/$entry" ] || [ -L "$prefix/$entry" ]; then echo "$entry"; fi; done; }
# shellcheck disable=SC2046  # several
foreign=$(cd "$prefix" && find $(there) .ims-new \( ! -user 0 -o ! -type l -perm /022 \) -print -quit)
if [ -n "$foreign" ]; then
    say "making all anew, for others than root can write to $prefix/$foreign"
elif [ -f "$prefix/pyvenv.cfg" ] && "$prefix/bin/python" -m pip --version >/dev/null 2>&1; then
    # shellcheck disable=SC2046  # several
    (cd "$prefix" && cp -al -t "$new" $(there)) || die "$unchanged"
    # What ims needed, and needs no more.
    if [ -f "$new/lock.txt" ]; then
        needless=$(names "$new/lock.txt" | grep -vxF "$(names packaging/lock.txt)" || true)
        # shellcheck disable=SC2086  # several
        [ -z "$needless" ] || pip uninstall --quiet --yes $needless || die "$unchanged (pip's error is above)"
    fi
fi
# Debian's own first: root's PATH may begin with one in root's home, which no service can read.
candidates=${PYTHON:-/usr/bin/python3 /usr/local/bin/python3 python3 python3.11 python3.12 python3.13}
if [ ! -e "$new/bin/python" ]; then
    # shellcheck disable=SC2086  # several
    python=$(find_python $candidates)
    if [ -z "$python" ]; then
        debian_venv install || die "python3-venv can't be installed (apt-get's error is above)"
        # shellcheck disable=SC2086
        python=$(find_python $candidates)
    fi
    [ -n "$python" ] || die "no Python 3.11 or later with venv found; on Debian: apt-get install python3-venv"
    say "making $prefix with $("$python" --version)"
    "$python" -m venv --without-pip --prompt ims "$new" >&2 || die "$unchanged (Python's error is above)"
    # By itself, venv doesn't say why it got no pip.
    said=$("$new/bin/python" -m ensurepip --default-pip 2>&1) ||
        die "$unchanged: $(printf '%s\n' "$said" | grep -m 1 '^ERROR: ' || printf '%s\n' "$said" | tail -n 1)"
fi
say "installing what ims needs, in the versions of packaging/lock.txt"
# shellcheck disable=SC2086  # none or one
pip install $quiet --no-compile --only-binary :all: --require-hashes --requirement packaging/lock.txt ||
    die "$unchanged (pip's error is above)"
say "installing ims"
# shellcheck disable=SC2086
pip install $quiet --no-compile --no-deps --no-build-isolation --force-reinstall . || die "$unchanged (pip's error is above)"
# Nobody else may write there, so that Python can't keep what it compiles. Of other people's files, some are no Python.
said=$("$new/bin/python" -m compileall -q -j 0 -s "$new" -p "$prefix" "$new/lib" 2>&1) || true
case $said in
*"No space left on device"* | *"Disk quota exceeded"*) die "$unchanged: the disk of $prefix is full" ;;
esac
cp --remove-destination packaging/lock.txt "$new/lock.txt" || die "$unchanged"
trap '' HUP INT TERM
if ! "$new/bin/python" -m ims.install.replacement "$new" "$prefix"; then
    [ ! -e "$old" ] || die "not done, and a part of what was installed before is in $old: make install again puts it back"
    die "$unchanged"
fi
made=
trap 'exit 130' HUP INT TERM

{ mkdir -p "$(dirname "$link")" && ln -sfn "$prefix/bin/ims" "$link"; } || die "ims is in $prefix, but $link isn't made"
say "compiling for this processor, into $cache: a minute, once for each version"
"$prefix/bin/python" -m ims.install.kernels "$cache" ||
    die "ims is installed, but not all kernels are compiled (why is said above): each service will compile its own, until make install has done it"
say "$("$link" --version) is $link"
for unit in /etc/systemd/system/ims-*.service; do
    [ -e "$unit" ] || continue
    name=${unit##*/ims-}
    say "next: ims install-service ${name%.service} && systemctl restart ims-${name%.service}"
done
