# Sourced: find_python CANDIDATE... says the first of them that is Python 3.11 or later with venv.
find_python() {
    for candidate in "$@"; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' \
            >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
}

# debian_venv WHO: installs Debian's python3-venv, where we may.
debian_venv() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 0
    echo "$1: installing Debian's python3-venv" >&2
    apt-get update -qq >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
}
