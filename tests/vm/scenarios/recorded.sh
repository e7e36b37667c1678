# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# quick: no
# about: each moment of a mirror's life as a power cut (dm-log-writes): resync, growth, kills, a reconnect
# disks: base=64M record=512M
# front: yes
# timeout: 240
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

on_kernel_log && exit 0 # the replay comes with dirtylogd

: "${WRITES:=120}"
front_is_busy
LOG_SECTORS=2048
REGION=128
REGIONS=64
SECTORS=$((REGION * REGIONS))
modprobe dm-log-writes

# Bits that lay there before must not count.
tr '\0' '\377' </dev/zero | dd of="$(dev base)" bs=512 count=$LOG_SECTORS iflag=fullblock oflag=direct conv=notrunc 2>/dev/null
dmsetup create rec --table "0 $((LOG_SECTORS + 2 * SECTORS)) log-writes $(dev base) $(dev record)"
dmsetup create rlog --table "0 $LOG_SECTORS linear /dev/mapper/rec 0"
dmsetup create rleg0 --table "0 $SECTORS linear /dev/mapper/rec $LOG_SECTORS"
dmsetup create rleg1 --table "0 $SECTORS linear /dev/mapper/rec $((LOG_SECTORS + SECTORS))"

# The legs differ at first: what is called clean and never was recovered shows.
dd if=/dev/urandom of=/dev/mapper/rleg0 bs=64k count=$REGIONS oflag=direct conv=fsync 2>/dev/null

# Begins with its number, in little-endian. Half of them are not synced by who writes: the legs' flush before their
# clear is.
write_numbered() { # NUMBER BLOCK
	[ $(($1 % 2)) = 0 ] && write_conv=notrunc || write_conv=notrunc,fsync
	{
		# shellcheck disable=SC2059
		printf "$(printf '\\%03o\\%03o' $(($1 % 256)) $(($1 / 256)))\\0\\0\\0\\0\\0\\0"
		dd if=/dev/urandom bs=4088 count=1 2>/dev/null
	} | dd of=/dev/mapper/r bs=4096 count=1 seek="$2" iflag=fullblock oflag=direct conv="$write_conv" 2>/dev/null &&
		dmsetup message rec 0 mark "a-$1-$2"
}

# Two blocks in each region of the mirror's first half or all of it, so that clears come between.
write_all() { # FIRST COUNT
	write_i=$1
	while [ "$write_i" -lt $(($1 + $2)) ]; do
		write_numbered "$write_i" $((write_i * 7 % regions_now * 16 + write_i / 2 % 2)) || fail "write $write_i"
		write_i=$((write_i + 1))
	done
}

start_daemon --clear-delay 0.2 || exit 1
regions_now=$((REGIONS / 2))
mk_mirror r dirtylogd $((SECTORS / 2)) /dev/mapper/rlog $REGION /dev/mapper/rleg0 /dev/mapper/rleg1 sync || exit 1
write_all 1 $((WRITES / 4)) # while it is resynced
wait_sync r 60
check "it grows" reload r \
	"$(mirror_table dirtylogd $SECTORS /dev/mapper/rlog $REGION /dev/mapper/rleg0 /dev/mapper/rleg1 dl-r)"
regions_now=$REGIONS
for round in 1 2 3; do
	write_all $((round * WRITES / 4)) $((WRITES / 4)) &
	sleep 0.7
	kill -KILL "$(server_pid)"
	sleep 1
	dmsetup suspend r
	dmsetup resume r
	wait $!
done
wait_sync r 60
# No server is left that could start another one: the kernel makes the log again.
write_all $((WRITES + 10)) 6
kill -STOP "$DAEMON_PID"
kill -KILL "$(server_pid)" "$DAEMON_PID"
wait "$DAEMON_PID" 2>/dev/null
start_daemon --clear-delay 0.2 || exit 1
write_all $((WRITES + 20)) 6
wait_sync r 60
# One by one: nothing but the flush of the legs brings these to them before the clear.
for solitary in 30 32 34 36; do
	write_all $((WRITES + solitary)) 1
	sleep 0.7
done
check "clean in the end" until_true 20 log_is_clean /dev/mapper/rlog $REGIONS
rm_mirror r
dmsetup remove rleg1
dmsetup remove rleg0
dmsetup remove rlog
dmsetup remove rec # and with that the recording is complete
dirtylog-log-writes "$(dev record)" $LOG_SECTORS $REGION $REGIONS >/tmp/replay
equal "at no moment of the recording a power cut would have lost anything" $? 0
sed '$d; s/^/note: /' /tmp/replay
figure "$(tail -n 1 /tmp/replay)"
at_least "states behind writes to the log" "$(awk 'END { print $3 }' /tmp/replay)" 50
kernel_quiet
check "daemon alive" daemon_lives
