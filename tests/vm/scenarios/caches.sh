# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# about: legs with volatile caches are flushed before their clears reach the log
# disks: log=64M
# front: yes
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

LOG=$(dev log)
REGIONS=128
modprobe null_blk nr_devices=2 memory_backed=1 cache_size=64 gb=1
modprobe dm-delay
A=/dev/nullb0
equal "leg has a volatile cache" "$(cat /sys/block/nullb0/queue/write_cache)" "write back"
# Leg B takes 3 s for a flush: long enough to see that the clears wait.
dmsetup create slow --table "0 131072 delay /dev/nullb1 0 0 /dev/nullb1 0 0 /dev/nullb1 0 3000"
B=/dev/mapper/slow
start_daemon --clear-delay 1 || exit 1
mk_mirror m dirtylogd 131072 "$LOG" 1024 $A $B nosync || exit 1
sleep 2
check "the log is clean at first" log_is_clean "$LOG" $REGIONS

# Of the server's threads, in hundredths of a second.
ticks() { awk '{ print $14 + $15 }' "/proc/$(server_pid)/stat"; }

flushes_a=$(stat_field /dev/nullb0 16)
flushes_b=$(stat_field /dev/nullb1 16)
snap 0
for block in 100 2000 4000 8000; do
	write_block /dev/mapper/m $block
done
if on_kernel_log; then
	sleep 1
else
	equal "4 regions dirty on disk" $((REGIONS - $(log_clean "$LOG" $REGIONS))) 4
	leg_a_flushed() { [ "$(stat_field /dev/nullb0 16)" -gt "$flushes_a" ]; }
	check "leg A is flushed after the delay" until_true 10 leg_a_flushed
	caches_ticks=$(ticks)
	sleep 2
	at_most "ticks of the server in 2 s of leg B's flush" $(($(ticks) - caches_ticks)) 50
	if [ "$(stat_field /dev/nullb1 16)" = "$flushes_b" ]; then
		equal "still dirty while leg B's flush runs" $((REGIONS - $(log_clean "$LOG" $REGIONS))) 4
	else
		note "leg B's flush was already done"
	fi
fi
check "clean in the end" until_true 20 log_is_clean "$LOG" $REGIONS
at_least "flushes of leg A" $(($(stat_field /dev/nullb0 16) - flushes_a)) 1
at_least "flushes of leg B" $(($(stat_field /dev/nullb1 16) - flushes_b)) 1
figure "leg_flushes A $(($(stat_field /dev/nullb0 16) - flushes_a)), B $(($(stat_field /dev/nullb1 16) - flushes_b))"

if ! on_kernel_log; then
	snap 1
	at_least "leg_flushes counted" "$(delta 0 1 leg_flushes)" 2
	# One flush of each leg for a whole batch of clears.
	at_most "flushes of leg A for one batch" $(($(stat_field /dev/nullb0 16) - flushes_a)) 2

	# What a leg had lost when its flush failed no later flush can tell: its regions, and those written from
	# then on, stay dirty until they have been recovered. (An error target would say that it has no cache.)
	modprobe dm-flakey
	write_block /dev/mapper/m 6000
	dmsetup suspend --noflush --nolockfs slow
	dmsetup load slow --table "0 131072 flakey /dev/nullb1 0 0 1000 1 error_writes"
	dmsetup resume slow
	equal "the failing leg still has a volatile cache" "$(cat "/sys/dev/block/$(dev_number $B)/queue/write_cache")" "write back"
	sleep 6
	equal "dirty while leg B fails its flush" $((REGIONS - $(log_clean "$LOG" $REGIONS))) 1
	equal "leg states and log" "$(leg_states m) $(log_status m)" "AA 3 disk $(dev_number "$LOG") A"
	dmsetup suspend --noflush --nolockfs slow
	dmsetup load slow --table "0 131072 linear /dev/nullb1 0"
	dmsetup resume slow
	# Leg B comes back with old data where its cache had new.
	dd if=/dev/urandom of=/dev/nullb1 bs=4096 count=1 seek=6000 oflag=direct conv=notrunc 2>/dev/null
	write_block /dev/mapper/m 7000
	sleep 5
	equal "still dirty when leg B is back" $((REGIONS - $(log_clean "$LOG" $REGIONS))) 2
	dmsetup suspend m
	equal "still dirty when the mirror is suspended" $((REGIONS - $(log_clean "$LOG" $REGIONS))) 2
	dmsetup resume m
	wait_sync m 30
	check "clean when they are recovered" until_true 40 log_is_clean "$LOG" $REGIONS
fi
rm_mirror m
check "legs identical" legs_identical $A $B 64
check "daemon alive" daemon_lives
