#!/bin/sh
# `make install`, as root: ims for all users of this machine, in /opt/ims or PREFIX, with the versions of
# packaging/lock.txt; `ims` on PATH; what services compile, compiled. Run again after `git pull`, it upgrades.
#
# Everything is fetched, and the wheel built, before anything that is installed is touched; pip puts a package back where
# its successor can't be written.
set -eu
umask 022
prefix=${PREFIX:-/opt/ims}
link=/usr/local/bin/ims
cache=/var/cache/ims

say() { echo "install: $*" >&2; }
die() {
    say "$*"
    exit 2
}

[ "$(id -u)" = 0 ] || die "only root can install for all users: sudo make install"
cd "$(dirname "$0")/.."
. scripts/python.sh
case $prefix in
*[\'\"\\]*) die "PREFIX=$prefix: systemd starts no program there; expected no quotes and backslashes" ;;
/ | /usr | /usr/local | /opt) die "PREFIX=$prefix: expected a folder for ims alone, such as /opt/ims" ;;
/*) ;;
*) die "PREFIX=$prefix: expected a whole path, such as /opt/ims" ;;
esac
case $prefix/ in
/home/* | /root/* | /tmp/* | /var/tmp/* | /run/*)
    die "PREFIX=$prefix: services can't reach it there; expected a folder such as /opt/ims" ;;
esac
if [ -e "$prefix" ] && [ ! -f "$prefix/pyvenv.cfg" ] && [ -n "$(ls -A "$prefix")" ]; then
    die "$prefix holds something else than an installation of ims: move it away, or say PREFIX=FOLDER"
fi
if [ -e "$link" ] && [ ! -L "$link" ]; then
    die "$link is there already and is no link: move it away"
fi

# Through -m: a script's first line breaks where the path is long or holds a space.
pip() { "$prefix/bin/python" -m pip --disable-pip-version-check "$@" >&2; }

quiet=--quiet
if [ -t 2 ]; then quiet=; fi

# Debian's own first: root's PATH may begin with one in root's home, which no service can read.
candidates=${PYTHON:-/usr/bin/python3 /usr/local/bin/python3 python3 python3.11 python3.12 python3.13}
if ! "$prefix/bin/python" -m pip --version >/dev/null 2>&1; then
    # shellcheck disable=SC2086  # several
    python=$(find_python $candidates)
    if [ -z "$python" ]; then
        debian_venv install || die "python3-venv can't be installed (apt-get's error is above)"
        # shellcheck disable=SC2086
        python=$(find_python $candidates)
    fi
    [ -n "$python" ] || die "no Python 3.11 or later with venv found; on Debian: apt-get install python3-venv"
    say "making $prefix with $("$python" --version)"
    "$python" -m venv --clear "$prefix" || die "$prefix can't be made"
fi
say "installing what ims needs, in the versions of packaging/lock.txt"
# shellcheck disable=SC2086  # none or one
pip install $quiet --no-compile --only-binary :all: --require-hashes --requirement packaging/lock.txt ||
    die "not done: what was installed before is as it was (pip's error is above)"
say "installing ims"
# shellcheck disable=SC2086
pip install $quiet --no-compile --no-deps --no-build-isolation --force-reinstall . ||
    die "not done: ims is as it was before (pip's error is above)"
# Nobody else may write there, so that Python can't keep what it compiles. Of other people's files, some are no Python.
"$prefix/bin/python" -m compileall -q -j 0 "$prefix/lib" >/dev/null 2>&1 || true
mkdir -p "$(dirname "$link")"
ln -sfn "$prefix/bin/ims" "$link"
say "compiling for this processor, into $cache: a minute, once for each version"
"$prefix/bin/python" -m ims.install.kernels "$cache" ||
    die "ims is installed, but not all kernels are compiled (why is said above): each service will compile its own"
say "$("$link" --version) is $link"
for unit in /etc/systemd/system/ims-*.service; do
    [ -e "$unit" ] || continue
    name=${unit##*/ims-}
    say "next: ims install-service ${name%.service} && systemctl restart ims-${name%.service}"
done
