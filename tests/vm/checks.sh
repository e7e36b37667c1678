# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# What a guest says of what it saw, for the host that started it (tests/vm, tests/guest). busybox sh and bash.

# What waits for something waits so many times as long: more than 1 on a kernel that is slow.
: "${SLOW:=1}"

pass() { echo "PASS $*"; }
fail() { echo "FAIL $*"; }
figure() { echo "FIGURE $*"; }
say() { echo "SAY $*"; } # shown at once by tests/vm/run --narrate
note() { echo "note: $*"; }

# check WHAT COMMAND...: passes if the command succeeds.
check() {
	check_what=$1
	shift
	if "$@"; then pass "$check_what"; else fail "$check_what"; fi
}

# check_not WHAT COMMAND...: passes if the command fails.
check_not() {
	check_what=$1
	shift
	if "$@"; then fail "$check_what"; else pass "$check_what"; fi
}

# equal WHAT GOT WANTED
equal() {
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1: '$2' instead of '$3'"; fi
}

# at_least WHAT GOT WANTED, at_most WHAT GOT WANTED: decimal numbers.
at_least() {
	if awk -v a="$2" -v b="$3" 'BEGIN { exit !(a != "" && a + 0 >= b + 0) }'; then
		pass "$1: $2 (at least $3)"
	else
		fail "$1: $2 instead of at least $3"
	fi
}
at_most() {
	if awk -v a="$2" -v b="$3" 'BEGIN { exit !(a != "" && a + 0 <= b + 0) }'; then
		pass "$1: $2 (at most $3)"
	else
		fail "$1: $2 instead of at most $3"
	fi
}

# until_true SECONDS COMMAND...: tries ten times a second, for so long, or SLOW times that.
until_true() {
	until_left=$(($1 * 10 * SLOW))
	shift
	until "$@"; do
		until_left=$((until_left - 1))
		[ $until_left -gt 0 ] || return 1
		sleep 0.1
	done
}
