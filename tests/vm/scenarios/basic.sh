# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# about: a mirror resyncs, reads right in dmsetup, and asks just the requests it should
# disks: a=64M:random b=64M log=64M
# front: yes
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

A=$(dev a) B=$(dev b) LOG=$(dev log)
REGION=1024
SECTORS=131072
start_daemon --clear-delay 1 || exit 1

resync() { # KIND
	wipe "$LOG"
	head -c 1048576 /dev/urandom | dd of="$B" bs=64k seek=16 oflag=direct 2>/dev/null
	mk_mirror m "$1" $SECTORS "$LOG" $REGION "$A" "$B" || return
	resync_start=$(cut -d' ' -f1 /proc/uptime)
	wait_sync m 60
	figure "resync_$1 $(awk -v s="$resync_start" '{ print 128 / ($1 - s) }' /proc/uptime) regions/s"
	equal "$1: both legs alive" "$(leg_states m)" AA
	if on_kernel_log; then
		equal "$1: log status" "$(log_status m)" "3 disk $(dev_number "$LOG") A"
	else
		equal "$1: log status" "$(log_status m)" "3 disk $(dev_number "$LOG") A"
		resync_table=$(mirror_table "$1" $SECTORS "$LOG" $REGION "$(dev_number "$A")" "$(dev_number "$B")" dl-m)
		equal "$1: table" "$(dmsetup table m | sed "s,$(dev_number "$LOG") ,$LOG ,")" "$resync_table"
	fi
	equal "$1: dependencies" "$(dmsetup deps -o devno m | grep -o '([^)]*)' | sort | tr -d '\n')" \
		"$(for resync_dev in "$A" "$B" "$LOG"; do dev_number "$resync_dev" | sed 's/\(.*\):\(.*\)/(\1, \2)/'; done | sort | tr -d '\n')"
	rm_mirror m
	check "$1: legs identical after resync" legs_identical "$A" "$B" 64
}

# An in-sync mirror at rest, then one read, one write, one activation.
requests() { # KIND READ_REQUESTS WRITE_REQUESTS
	on_kernel_log && return
	wipe "$LOG"
	snap 0
	mk_mirror m "$1" $SECTORS "$LOG" $REGION "$A" "$B" nosync || return
	sleep 4
	snap 1
	figure "activation_$1 $(requests_between 0 1 | tr ' ' ,) requests"
	for requests_name in ctr get_region_size resume; do
		equal "$1: activation: $requests_name" "$(delta 0 1 $requests_name)" 1
	done
	# RESUME's own question and answer; a status read to settle the hint may ask once more, and on a slow machine a
	# second one. The module asks at the resume, and spares none of them.
	at_most "$1: activation: status_info" "$(delta 0 1 status_info)" 2
	at_least "$1: activation: get_sync_count" "$(delta 0 1 get_sync_count)" 1
	at_most "$1: activation: get_sync_count" "$(delta 0 1 get_sync_count)" \
		$(($(with_front && echo 4 || echo 2) + $(delta 0 1 status_info)))
	# None if a busy kmirrord comes to ask for the count only when the mirror is resumed.
	at_most "$1: activation: get_resync_work" "$(delta 0 1 get_resync_work)" 1
	for requests_name in in_sync mark_region clear_region flush set_region_sync is_remote_recovering is_clean; do
		equal "$1: activation: $requests_name" "$(delta 0 1 $requests_name)" 0
	done

	read_block /dev/mapper/m 1000
	sleep 1
	snap 2
	equal "$1: one read" "$(requests_between 1 2)" "$2"
	write_block /dev/mapper/m 2000
	sleep 5
	snap 3
	equal "$1: one write" "$(requests_between 2 3)" "$3"
	rm_mirror m
}

resync dirtylogd
resync dirtylogd-flush
if with_front; then
	# What is in sync is known since the activation.
	requests dirtylogd "" "flush=2 mark_region=1 clear_region=1"
	requests dirtylogd-flush "" "flush=2 clear_region=1"
else
	requests dirtylogd "in_sync=1" "in_sync=2 flush=2 mark_region=1 clear_region=1"
	requests dirtylogd-flush "in_sync=1" "in_sync=2 flush=2 clear_region=1"
fi
kernel_quiet
check "daemon alive" daemon_lives
check "daemon ends with status 0" stop_daemon
