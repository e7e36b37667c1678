# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# quick: no
# about: a mirror in sync asks for no resync work, nor after a suspend and resume
# disks: a=64M b=64M log=64M
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

A=$(dev a) B=$(dev b) LOG=$(dev log)
start_daemon --clear-delay 1 || exit 1

quiet() { # WHAT: some writes and reads, then the counters
	snap 0
	fio_run "$1" --filename=/dev/mapper/m --rw=randrw --runtime=3 --time_based --iodepth=4
	sleep 4
	check "$1: fio without an error" fio_ok "$1"
	figure "$1 $(fio_field "$1" write_iops) write IOPS"
	at_most "$1: slowest write (us)" "$(fio_field "$1" write_max)" 3000000
	on_kernel_log && return
	snap 1
	for quiet_name in get_resync_work is_remote_recovering set_region_sync; do
		equal "$1: $quiet_name" "$(delta 0 1 $quiet_name)" 0
	done
	at_least "$1: requests were counted" "$(delta 0 1 in_sync)" 10
}

for kind in dirtylogd dirtylogd-flush; do
	wipe "$LOG"
	mk_mirror m $kind 131072 "$LOG" 1024 "$A" "$B" nosync || exit 1
	sleep 3
	quiet ${kind}_new_log
	dmsetup suspend m
	dmsetup resume m
	sleep 3
	quiet ${kind}_resumed
	check "$kind: all in sync" in_sync m
	rm_mirror m
done
kernel_quiet
check "daemon alive" daemon_lives
