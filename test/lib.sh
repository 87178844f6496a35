# test/lib.sh: TAP for shell tests. Source it first; end with `done_testing`.
#
#   ok NAME COMMAND...        passes when the command exits 0
#   fails CODE NAME COMMAND.. passes when it exits with exactly CODE (a crash is never a pass)
#   is NAME GOT EXPECTED      compares two texts
#   like NAME GOT REGEX       matches an extended regular expression
#   golden NAME FILE GOT_FILE compares a file with test/golden/FILE; KVT_BLESS=1 rewrites it; on a
#                             difference the output stays beside it as FILE.out.new
#   skip NAME REASON
#   eventually COMMAND...     waits until the command succeeds, which says that something has happened; a
#                             minute without that is a failed test
# $scratch is an empty directory, removed at the end (KEEP=1 keeps it).

set -u
export LC_ALL=C
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
KVT_BIN=${KVT_BIN:-$root/bin}
KVT_BUILD=${KVT_BUILD:-$root/build}
export KVT_BIN KVT_BUILD PATH="$KVT_BIN:$PATH"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/kvt-test.XXXXXX")
tests=0
failed=0
cleanup() {
    local pids
    pids=$(jobs -p)
    # shellcheck disable=SC2086
    [ -z "$pids" ] || kill $pids 2>/dev/null
    [ -n "${KEEP:-}" ] || rm -rf "$scratch"
}
trap cleanup EXIT

pass() {
    tests=$((tests + 1))
    echo "ok $tests - $1"
}

fail() {
    tests=$((tests + 1))
    failed=$((failed + 1))
    echo "not ok $tests - $1"
    shift
    printf '%s\n' "$@" | head -n 40 | sed 's/^/# /'
}

ok() {
    local name=$1
    shift
    if "$@" >"$scratch/.out" 2>"$scratch/.err"; then
        pass "$name"
    else
        fail "$name" "exit $? from: $*" "$(tail -n 5 "$scratch/.err")"
    fi
}

fails() {
    local code=$1 name=$2 got=0
    shift 2
    "$@" >"$scratch/.out" 2>"$scratch/.err" || got=$?
    if [ "$got" -eq "$code" ]; then
        pass "$name"
    else
        fail "$name" "exit $got, expected $code, from: $*" "$(tail -n 5 "$scratch/.err")"
    fi
}

is() {
    if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "got:" "$2" "expected:" "$3"; fi
}

like() {
    if printf '%s' "$2" | grep -Eq -- "$3"; then pass "$1"; else fail "$1" "no match for $3 in:" "$2"; fi
}

golden() {
    local name=$1 file=$root/test/golden/$2 got=$3
    if [ -n "${KVT_BLESS:-}" ]; then
        mkdir -p "$(dirname "$file")"
        cp "$got" "$file"
    fi
    if cmp -s "$file" "$got"; then
        rm -f "$file.out.new"
        pass "$name"
    else
        cp "$got" "$file.out.new"
        fail "$name" "differs from $file (see $file.out.new)" "$(diff "$file" "$got" | head -n 10)"
    fi
}

skip() {
    tests=$((tests + 1))
    echo "ok $tests - $1 # SKIP $2"
}

eventually() {
    local end=$((SECONDS + 60))
    until "$@" 2>/dev/null; do
        if [ "$SECONDS" -gt "$end" ]; then
            fail "this did not happen in a minute: $*"
            return 1
        fi
        sleep 0.01
    done
}

done_testing() {
    echo "1..$tests"
    [ "$failed" -eq 0 ]
    exit $?
}
