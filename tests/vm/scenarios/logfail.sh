# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# about: a log device that fails for 3 s, one that stays dead, and one that dies while its mirror needs no mark
# disks: a=64M b=64M log=64M
# front: yes
# timeout: 300
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

A=$(dev a) B=$(dev b)
LOG=/dev/mapper/log
working="0 131072 linear $(dev log) 0"
dead="0 131072 error"
log_table() {
	dmsetup suspend --noflush --nolockfs log
	dmsetup load log --table "$1"
	dmsetup resume log
}
dmsetup create log --table "$working"
start_daemon --clear-delay 1 || exit 1

if ! on_kernel_log; then
	# 3 s without a log: writes wait, none is lost, the kernel hears of nothing.
	mk_mirror m dirtylogd 131072 $LOG 128 "$A" "$B" nosync || exit 1
	sleep 1
	fio_run short --filename=/dev/mapper/m --rw=randwrite --runtime=10 --time_based --iodepth=4 \
		--verify=crc32c --verify_backlog=64 --verify_fatal=1 &
	fio=$!
	sleep 3
	log_table "$dead"
	sleep 3
	equal "log status while it fails" "$(log_status m)" "3 disk $(dev_number $LOG) A"
	log_table "$working"
	wait $fio
	check "short: fio verify without an error" fio_ok short
	figure "short_failure $(fio_field short write_iops) IOPS, slowest write $(fio_field short write_max) us"
	at_least "short: writes waited (us)" "$(fio_field short write_max)" 1500000
	at_most "short: and not much longer (us)" "$(fio_field short write_max)" 8000000
	equal "short: status" "$(leg_states m) $(log_status m)" "AA 3 disk $(dev_number $LOG) A"
	wait_sync m 20
	rm_mirror m
	check "short: legs identical" legs_identical "$A" "$B" 64
fi

# Dead for good: as with the kernel's own disk log, the write is held and the status says D.
log_is_dead() { log_status m | grep -q ' D$'; }
writer_waits() { kill -0 "$writer" 2>/dev/null; }
dies() { # KIND
	log_table "$working"
	wipe $LOG
	mk_mirror m "$1" 131072 $LOG 128 "$A" "$B" nosync || return
	sleep 2
	log_table "$dead"
	write_block /dev/mapper/m 12345 &
	writer=$!
	dies_start=$(cut -d' ' -f1 /proc/uptime)
	check "$1: status shows D" until_true 70 log_is_dead
	figure "${1}_given_up $(awk -v s="$dies_start" '{ print $1 - s }' /proc/uptime) s"
	sleep 2
	check "$1: the write is not acknowledged" writer_waits
	equal "$1: both legs alive" "$(leg_states m)" AA
	# What dmeventd would do: a table without the dead log.
	dmsetup suspend --noflush --nolockfs m
	dmsetup load m --table "$(mirror_table kernel-core 131072 - 128 "$A" "$B" -)"
	dmsetup resume m
	wait $writer
	equal "$1: the held write ends well on a new log" $? 0
	wait_sync m 60
	rm_mirror m
	check "$1: legs identical" legs_identical "$A" "$B" 64
}
dies kernel
on_kernel_log || dies dirtylogd

# All writes go to one region, so no mark needs a write: the kernel's own log notices at the next one, dirtylogd
# at the next probe. With the module, dirtylogd does not even know that there are writes, until one needs a mark.
region_is_hot() { # SECONDS: writes that each need a mark of their own
	fio_run hot --filename=/dev/mapper/m --rw=write --bs=4k --size=4k --offset=1m --runtime="$1" \
		--time_based --thinktime=300ms
}
dies_hot() {
	log_table "$working"
	wipe $LOG
	FRONT_OPTIONS="clear_delay 60000" # hot however slow this machine is
	mk_mirror m dirtylogd-flush 131072 $LOG 128 "$A" "$B" nosync || return
	region_is_hot 60 &
	writer=$!
	# What is dirty is written again in the first six seconds, for the kernel's log may have been there before.
	sleep 9
	snap hot
	log_table "$dead"
	sleep 2
	equal "hot: nobody has noticed yet" "$(leg_states m) $(log_status m)" "AA 3 disk $(dev_number $LOG) A"
	if with_front; then
		sleep 10
		equal "hot: nor does a probe" "$(leg_states m) $(log_status m)" "AA 3 disk $(dev_number $LOG) A"
		write_block /dev/mapper/m 12345 &
		marker=$!
		check "hot: status shows D with the next mark" until_true 20 log_is_dead
	else
		check "hot: status shows D without a new mark" until_true 40 log_is_dead
		snap dead
		at_least "hot: by a probe" "$(delta hot dead probes)" 1
	fi
	check "hot: the daemon names the device" grep -q "log device $(dev_number $LOG) .*has failed" $DAEMON_LOG
	check "hot: the write is not acknowledged" writer_waits
	dmsetup suspend --noflush --nolockfs m
	dmsetup load m --table "$(mirror_table kernel-core 131072 - 128 "$A" "$B" -)"
	dmsetup resume m
	wait $writer
	check "hot: writes go on with a new log" fio_ok hot
	with_front && check "hot: so does the one with a mark" wait "$marker"
	wait_sync m 60
	rm_mirror m
	check "hot: legs identical" legs_identical "$A" "$B" 64
}
stop_daemon
start_daemon --clear-delay 1000 --probe 12 --io-retry 2 || exit 1
on_kernel_log || dies_hot
check "daemon alive" daemon_lives
