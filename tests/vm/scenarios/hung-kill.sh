# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# quick: no
# about: the server killed, crashed, reloaded and stopped while a leg never answers: others notice little
# disks: a=64M b=64M log=64M
# timeout: 240
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

on_kernel_log && exit 0 # it has no server to be killed

A=$(dev a) B=$(dev b)
SECTORS=32768
REGIONS=256
dmsetup create hlog --table "0 2048 linear $(dev log) 0"
dmsetup create olog --table "0 2048 linear $(dev log) 2048"
dmsetup create leg --table "0 $SECTORS linear $B 0"

next_block=0
others_serve() { # AFTER
	next_block=$((next_block + 32))
	check "$1: another server within 10 s" until_true 10 another_server "$SERVER"
	check "$1: another mirror is written" ends_within 5 write_block /dev/mapper/o $next_block
	check "$1: and read" ends_within 5 read_block /dev/mapper/o 1
	check "$1: and its clears go on" until_true 15 log_is_clean /dev/mapper/olog $REGIONS
}
let_hang() {
	write_block /dev/mapper/h $((100 + next_block))
	SERVER=$(server_pid)
	check "a flush of the leg hangs" until_true 10 leg_flush_hangs "$SERVER"
}

start_daemon --clear-delay 1 || exit 1
mk_mirror h dirtylogd $SECTORS /dev/mapper/hlog 128 "$A" /dev/mapper/leg nosync || exit 1
mk_mirror o dirtylogd $SECTORS /dev/mapper/olog 128 "$A@$SECTORS" "$B@$SECTORS" nosync || exit 1
sleep 2

# Marked and written before the leg hangs, cleared after.
write_block /dev/mapper/h 100
dmsetup suspend --noflush --nolockfs leg
SERVER=$(server_pid)
check "a flush of the leg hangs" until_true 10 leg_flush_hangs "$SERVER"

kill -KILL "$SERVER"
others_serve "killed"
SERVER=$(server_pid)
check "its successor hangs at the leg as well" until_true 10 leg_flush_hangs "$SERVER"
kill -SEGV "$SERVER"
others_serve "crashed"
SERVER=$(server_pid)
check "a flush of the leg hangs before the reload" until_true 10 leg_flush_hangs "$SERVER"
kill -HUP "$DAEMON_PID"
others_serve "reloaded"
for kill_round in 1 2 3 4 5; do
	SERVER=$(server_pid)
	sleep 2
	kill -KILL "$SERVER"
	until_true 10 another_server "$SERVER" || fail "killed again: another server, round $kill_round"
done
others_serve "killed five times more"
check "the region of the leg that hangs is dirty still" \
	[ "$(log_clean /dev/mapper/hlog $REGIONS)" -lt $REGIONS ]

SERVER=$(server_pid)
check "a flush of the leg hangs before the stop" until_true 10 leg_flush_hangs "$SERVER"
kill -TERM "$DAEMON_PID"
check "stopped: all of it is gone within 15 s" until_true 15 daemon_gone
start_daemon --clear-delay 1 || exit 1
SERVER=0
check "a new one serves the other mirror" ends_within 20 write_block /dev/mapper/o 8
check "and its clears go on" until_true 15 log_is_clean /dev/mapper/olog $REGIONS

check "the mirror of the hung leg is suspended" ends_within 10 dmsetup suspend --noflush --nolockfs h
dmsetup load h --table "$(mirror_table dirtylogd $SECTORS /dev/mapper/hlog 128 "$A" "$B@65536" dl-h)"
check "a table without the leg takes its place" ends_within 10 dmsetup resume h
check "a write to it ends well" ends_within 10 write_block /dev/mapper/h 101
wait_sync h 30
dmsetup resume leg
check "the leg can be removed" until_true 10 dmsetup remove leg
rm_mirror h
rm_mirror o
check "no log is left" until_true 5 no_logs
# Not those that only wait to be reaped by the guest's init.
processes() {
	for process in /proc/[0-9]*; do
		grep -qs '^Name:.dirtylogd$' "$process/status" && ! grep -qs '^State:.Z' "$process/status" && echo "$process"
	done
}
three_processes() { [ "$(processes | wc -l)" = 3 ]; }
check "the supervisor, a server and one that stands by are all that is left" until_true 10 three_processes
# A suspend does not make the kernel connect again.
kernel_quiet_but 'device-mapper: dm-log-userspace: .*(Userspace log server not found|timed out|No reply)|raid1: log (pre|post)suspend failed'
check "daemon alive" daemon_lives
