# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# about: a mirror that is removed right after its server was killed needs no resync
# disks: a=64M b=64M log=64M
# timeout: 120
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

A=$(dev a) B=$(dev b) LOG=$(dev log)
REGIONS=128
start_daemon --clear-delay 3600 || exit 1

# remove_after COMMAND...: 50 regions are lazy, then the command, then the mirror goes.
remove_after() {
	wipe "$LOG"
	mk_mirror m dirtylogd 131072 "$LOG" 1024 "$A" "$B" nosync || return
	sleep 1
	removal_region=0
	while [ $removal_region -lt 50 ]; do
		write_block /dev/mapper/m $((removal_region * 128))
		removal_region=$((removal_region + 1))
	done
	"$@"
	rm_mirror m
	check "after $*: all clean on the log device" log_is_clean "$LOG" $REGIONS
	figure "left dirty after $*: $((REGIONS - $(log_clean "$LOG" $REGIONS))) regions"
}

killed() { on_kernel_log || kill -KILL "$(server_pid)"; }
handed_over() {
	on_kernel_log && return
	removal_server=$(server_pid)
	kill -HUP "$DAEMON_PID"
	check "another server" until_true 20 another_server "$removal_server"
}
undisturbed() { :; }

remove_after undisturbed
remove_after killed
remove_after handed_over
check "daemon alive" daemon_lives
