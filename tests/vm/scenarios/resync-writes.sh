# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# about: writes while resync runs: none waits for it, the last region included
# disks: a=256M:random b=256M log=64M
# front: yes
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

A=$(dev a) B=$(dev b) LOG=$(dev log)
REGION=128
SECTORS=524288
REGIONS=4096
# Else the copy would be over too soon.
echo 5 >/sys/module/dm_mirror/parameters/raid1_resync_throttle
start_daemon || exit 1

mk_mirror m dirtylogd $SECTORS "$LOG" $REGION "$A" "$B" || exit 1
# A write may wait while its own region is copied, never for the resync.
fio_run all --filename=/dev/mapper/m --rw=randwrite --runtime=3 --time_based
# The last region is the one the kernel's hint leaves to a question for each write.
fio_run last --filename=/dev/mapper/m --rw=randwrite --runtime=2 --time_based \
	--offset=$(((SECTORS - REGION) * 512)) --size=$((REGION * 512))
done_then=$(sync_done m)
figure "resync_progress $done_then of $REGIONS regions"
at_most "resync was still running at the end of the writes" "$done_then" $((REGIONS - 1))
for part in all last; do
	check "$part: fio without an error" fio_ok $part
	figure "iops_during_resync_$part $(fio_field $part write_iops) IOPS"
	figure "latency_${part} $(fio_field $part write_mean) us mean, $(fio_field $part write_max) us max"
	at_most "$part: slowest write (us)" "$(fio_field $part write_max)" 3000000
done
at_least "all: writes during resync (IOPS)" "$(fio_field all write_iops)" 20
# dm-log-userspace asks about the last region at most 4 times a second (docs/protocol.md, trap 2); the module does not.
at_least "last: writes during resync (IOPS)" "$(fio_field last write_iops)" "$(with_front && echo 20 || echo 2)"
echo 100 >/sys/module/dm_mirror/parameters/raid1_resync_throttle
wait_sync m 90
rm_mirror m
check "legs identical" legs_identical "$A" "$B" 256
kernel_quiet
check "daemon alive" daemon_lives
