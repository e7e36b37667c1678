# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# quick: no
# about: kill -9 of a daemon without a supervisor under fio verify, again and again
# disks: a=64M b=64M log=64M
# front: yes
# timeout: 300
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

front_is_busy
A=$(dev a) B=$(dev b) LOG=$(dev log)
start_daemon --supervise no || exit 1

written_since() { [ "$(stat_field /dev/mapper/m 5)" -gt "$1" ]; }

kill_under_load() { # KIND
	wipe "$LOG"
	mk_mirror m "$1" 131072 "$LOG" 128 "$A" "$B" nosync || return
	sleep 1
	# Depth 8, reads too: some requests always wait for their IN_SYNC when the daemon dies.
	verified_job 8 rw=randrw rwmixread=30 runtime=100000 time_based verify_backlog=128 '[m]' filename=/dev/mapper/m
	start_job "$1"
	for kill_pause in 0 1 3; do
		sleep 3
		kill_daemon
		sleep $kill_pause
		start_daemon --supervise no
		kill_writes=$(stat_field /dev/mapper/m 5)
		# What it had in hand is asked again after 15 s.
		check "$1: I/O goes on" until_true 60 written_since "$kill_writes"
	done
	end_load "$fio_pid"
	check "$1: fio verify without an error" fio_ok "$1"
	figure "$1 $(fio_field "$1" write_iops) write IOPS, slowest $(fio_field "$1" write_max) us"
	# dirtylogd suspends and resumes a mirror whose dirty regions the kernel doesn't know of.
	kill_start=$(cut -d' ' -f1 /proc/uptime)
	wait_sync m 60
	figure "$1_settled $(awk -v s="$kill_start" '{ print $1 - s }' /proc/uptime) s after the load"
	equal "$1: both legs and the log alive" "$(leg_states m) $(log_status m)" \
		"AA 3 disk $(dev_number "$LOG") A"
	dmsetup suspend m
	check "$1: legs identical after resync" legs_identical "$A" "$B" 64
	dmsetup resume m
	rm_mirror m
}

kill_under_load dirtylogd
kill_under_load dirtylogd-flush
# A kill may come while it is suspended.
kernel_quiet_but 'device-mapper: (dm-log-userspace: .*(Userspace log server not found|timed out|No reply)|raid1: log (presuspend|postsuspend|resume) failed)'
check "daemon alive" daemon_lives
