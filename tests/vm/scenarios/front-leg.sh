# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# quick: no
# about: a leg fails while its regions are known in sync: what is written then is not read from it, and is resynced
# disks: a=64M b=64M log=64M
# needs: module
# timeout: 400
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh
# shellcheck source=tests/vm/fault-devices.sh
. /scenarios/fault-devices.sh

A=$(dev a) B=$(dev b) LOG=$(dev log)
SECTORS=131072
REGIONS=1024
modprobe dm-delay
start_daemon --clear-delay 1 || exit 1
fault_prepare leg eio "$B" $SECTORS
LEG=$FAULT_DEVICE

pattern() { # BYTE: a block of it
	head -c 4096 /dev/zero | tr '\0' "$1"
}
write_pattern() { # BYTE BLOCK
	pattern "$1" | dd of=/dev/mapper/m bs=4096 count=1 seek="$2" iflag=fullblock oflag=direct conv=notrunc 2>/dev/null
}
read_back() { # BYTE BLOCK
	[ "$(dd if=/dev/mapper/m bs=4096 count=1 skip="$2" iflag=direct 2>/dev/null | md5sum)" = "$(pattern "$1" | md5sum)" ]
}
lost() { [ "$(leg_states m)" != AA ]; }
not_in_sync() { [ "$(sync_done m)" = $((REGIONS - 1)) ]; }

leg_fails() { # KIND
	wipe "$LOG"
	mk_mirror m "$1" $SECTORS "$LOG" 128 "$A" "$LEG" nosync || return
	sleep 2
	# Known in sync, read and written; of the second region, the clear is held back at the failure.
	write_pattern a 160
	write_pattern a 320
	read_back a 160 || fail "$1: what was written is read"
	fault_begin leg eio "$B" $SECTORS
	# The mirror holds the write that has failed on a leg until its table is loaded anew.
	write_pattern b 160 &
	writer=$!
	check "$1: the leg's failure is seen" until_true 10 lost
	check "$1: one region is out of sync" until_true 10 not_in_sync
	snap before
	check "$1: the rest is read" read_back a 320
	snap after
	[ "$1" = front-kernel ] ||
		equal "$1: what was known in sync is asked again" "$(delta before after in_sync)" 1
	check "$1: the region is dirty on the log device" sh -c \
		". /scenarios/lib.sh; log_dirty $LOG $REGIONS | grep -qx 10"
	fault_heal leg eio "$B" $SECTORS
	# What another host may have left on the leg meanwhile.
	pattern x | dd of="$B" bs=4096 count=1 seek=160 oflag=direct conv=notrunc 2>/dev/null
	dmsetup suspend --noflush m
	dmsetup load m --table "$(mirror_table "$1" $SECTORS "$LOG" 128 "$A" "$LEG" dl-m)"
	dmsetup resume m
	wait $writer
	equal "$1: the held write ends well" $? 0
	wait_sync m 30
	check "$1: what was held is read" read_back b 160
	write_pattern c 160
	check "$1: what is written afterwards is read" read_back c 160
	rm_mirror m
	check "$1: legs identical" legs_identical "$A" "$B" 64
}
leg_fails front-dirtylogd-flush
leg_fails front-dirtylogd
leg_fails front-kernel

# Without handle_errors the mirror goes on with one leg; with it and another leg, it is repaired as ever. The first
# leg fails for reads alone: the second has what it has.
wipe "$LOG"
mk_mirror m front-dirtylogd-flush $SECTORS "$LOG" 128 "$LEG" "$A" nosync || exit 1
sleep 2
write_pattern d 200
fault_begin leg eio "$B" $SECTORS
check "a read of a known region goes to the other leg" read_back d 200
fault_heal leg eio "$B" $SECTORS
rm_mirror m
fault_end leg eio
kernel_quiet_but 'I/O error|raid1|Mirror read failed'
check "daemon alive" daemon_lives
