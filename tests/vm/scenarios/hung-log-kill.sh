# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# quick: no
# about: a log device that never answers, with both engines: others notice little, also after a kill
# disks: a=64M b=64M log=64M
# timeout: 240
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

on_kernel_log && exit 0 # it has no server to be killed

A=$(dev a) B=$(dev b)
SECTORS=32768
REGIONS=256

a_log_hangs() { # ENGINE
	wipe "$(dev log)"
	dmsetup create hlog --table "0 2048 linear $(dev log) 0"
	dmsetup create olog --table "0 2048 linear $(dev log) 2048"
	# One worker has both.
	start_daemon --clear-delay 1 --workers 1 --io-engine "$1" || return
	mk_mirror h dirtylogd $SECTORS /dev/mapper/hlog 128 "$A" "$B" nosync || return
	mk_mirror o dirtylogd $SECTORS /dev/mapper/olog 128 "$A@$SECTORS" "$B@$SECTORS" nosync || return
	sleep 2
	dmsetup suspend --noflush --nolockfs hlog
	write_block /dev/mapper/h 100 &
	hung_write=$!
	sleep 1
	check "$1: another mirror is written" ends_within 5 write_block /dev/mapper/o 100
	check "$1: its clears go on" until_true 10 log_is_clean /dev/mapper/olog $REGIONS

	SERVER=$(server_pid)
	kill -KILL "$SERVER"
	check "$1: another server within 10 s" until_true 10 another_server "$SERVER"
	check "$1: another mirror is written after a kill" ends_within 5 write_block /dev/mapper/o 200
	check "$1: its clears go on after a kill" until_true 10 log_is_clean /dev/mapper/olog $REGIONS
	check "$1: another mirror is suspended" ends_within 5 dmsetup suspend o
	dmsetup resume o
	SERVER=$(server_pid)
	kill -HUP "$DAEMON_PID"
	check "$1: another server after a reload" until_true 15 another_server "$SERVER"
	check "$1: another mirror is written after a reload" ends_within 5 write_block /dev/mapper/o 60
	check "$1: its clears go on after a reload" until_true 10 log_is_clean /dev/mapper/olog $REGIONS
	check_not "$1: the write that waits for the log still does" gone $hung_write
	dmsetup resume hlog
	check "$1: and ends when the log answers" until_true 20 gone $hung_write
	check "$1: its log is clean in the end" until_true 15 log_is_clean /dev/mapper/hlog $REGIONS
	equal "$1: legs and log are alive" "$(leg_states h) $(log_status h)" \
		"AA 3 disk $(dev_number /dev/mapper/hlog) A"
	rm_mirror h
	rm_mirror o
	stop_daemon
	dmsetup remove hlog
	dmsetup remove olog
}

a_log_hangs uring
a_log_hangs sync
kernel_quiet_but 'device-mapper: dm-log-userspace: .*(Userspace log server not found|timed out|No reply)'
