# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# about: the narrated tour of ./dev demo: resync, speed beside the kernel's log, kills, a power cut
# disks: a=1G b=1G log=64M logk=64M journal=1M
# timeout: 180
# quick: apart
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

A=$(dev a) B=$(dev b) LOG=$(dev log) LOGK=$(dev logk) JOURNAL=$(dev journal)
SECTORS=2097152
REGIONS=2048

# speed KIND LOG: IOPS of 4 KiB random writes, one at a time, on a mirror that is in sync.
speed() {
	wipe "$2"
	mk_mirror s "$1" $SECTORS "$2" 1024 "$A" "$B" nosync || return
	sleep 1
	speed_before=$(stat_field "$2" 7)
	fio_run s --filename=/dev/mapper/s --rw=randwrite --size=256m --runtime=5 --time_based
	check "fio on the log kind $1" fio_ok s
	dmsetup suspend s
	speed_sectors=$(($(stat_field "$2" 7) - speed_before))
	dmsetup resume s
	rm_mirror s
	iops=$(fio_field s write_iops)
	speed_mean=$(fio_field s write_mean)
	say "   $1: $iops writes/s, $speed_mean us each, $speed_sectors log sectors written"
}

if [ "$PHASE" = 1 ]; then
	say "Linux $(uname -r) has booted (in emulation). Starting dirtylogd."
	start_daemon || exit 1
	say "A mirror of two 64 MiB legs, regions of 64 KiB, log on $LOG:"
	mk_mirror m dirtylogd 131072 "$LOG" 128 "$A" "$B" || exit 1
	say "   $(dmsetup table m)"
	say "The kernel asks dirtylogd what to recover:"
	i=0
	while [ $i -lt 60 ] && ! in_sync m; do
		say "   in sync: $(sync_ratio m) regions"
		sleep 1
		i=$((i + 1))
	done
	wait_sync m 30
	say "   in sync: $(sync_ratio m) regions"
	check "legs identical after resync" legs_identical "$A" "$B" 64
	say "The legs are byte-identical. What dirtylogd was asked meanwhile:"
	dirtylogctl stats | awk '$2 > 0 { printf "SAY    %-22s %s\n", $1, $2 }'
	rm_mirror m

	say "4 KiB random writes to 512 regions of a 1 GiB mirror, one at a time, each log in turn:"
	speed kernel "$LOGK"
	speed dirtylogd-flush "$LOG"
	speed kernel "$LOGK"
	speed dirtylogd-flush "$LOG"

	say "Now the server is killed five times while fio writes and verifies:"
	wipe "$LOG"
	mk_mirror r dirtylogd-flush $SECTORS "$LOG" 1024 "$A" "$B" nosync || exit 1
	sleep 1
	fio_run r --filename=/dev/mapper/r --rw=randwrite --size=256m --runtime=9 --time_based --iodepth=4 \
		--verify=crc32c --verify_backlog=64 --verify_fatal=1 &
	fio_pid=$!
	for _ in 1 2 3 4 5; do
		sleep 1.5
		kill -KILL "$(server_pid)"
	done
	wait $fio_pid
	check "fio verify across five kills" fio_ok r
	say "   $(fio_field r write_iops) writes/s, the slowest took $(($(fio_field r write_max) / 1000)) ms, no error;"
	say "   in sync: $(sync_ratio r) regions, $(dirtylogctl stats | awk '$1 == "server" { print $2 }') servers so far."
	check "all in sync across five kills" in_sync r
	rm_mirror r

	say "Now the power fails while fio writes."
	wipe "$LOG"
	mk_mirror m dirtylogd $SECTORS "$LOG" 1024 "$A" "$B" nosync || exit 1
	fio_run noise --filename=/dev/mapper/m --rw=randwrite --size=256m --runtime=60 --time_based --iodepth=8 &
	sleep 4
	printf '%-4096s' "written and synced" | dd of=/dev/mapper/m bs=4096 count=1 seek=200000 \
		iflag=fullblock oflag=direct conv=notrunc,fsync 2>/dev/null
	dd if=/dev/mapper/m of="$JOURNAL" bs=4096 count=1 skip=200000 iflag=direct oflag=direct \
		conv=notrunc 2>/dev/null
	say "   power off."
	echo "##POWERCUT"
	sleep 1000
fi

say "Power is back, Linux has booted again on the same disks."
log_dirty "$LOG" $REGIONS >/tmp/dirty
dirty=$(wc -l </tmp/dirty)
at_least "some regions are dirty" "$dirty" 1
at_most "not all regions are dirty" "$dirty" $((REGIONS - 1))
start_daemon || exit 1
mk_mirror m dirtylogd $SECTORS "$LOG" 1024 "$A" "$B" || exit 1
say "   $dirty of $REGIONS regions were dirty on the log device; only they are recovered."
wait_sync m 90
say "   in sync: $(sync_ratio m) regions"
check "what was synced before the power cut is there" sh -c \
	"dd if=/dev/mapper/m bs=4096 count=1 skip=200000 iflag=direct 2>/dev/null | grep -q 'written and synced'"
rm_mirror m
check "legs identical after recovery" legs_identical "$A" "$B" 1024
say "   the legs are identical again, and what was synced is there."
kernel_quiet
check "daemon alive" daemon_lives
