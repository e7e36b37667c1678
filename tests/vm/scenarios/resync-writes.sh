# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# about: writes while resync runs: none waits for it, the last region included
# disks: a=128M:random b=128M log=64M
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

A=$(dev a) B=$(dev b) LOG=$(dev log)
REGION=1024
SECTORS=262144
REGIONS=256
start_daemon || exit 1

mk_mirror m dirtylogd $SECTORS "$LOG" $REGION "$A" "$B" || exit 1
# While regions are out of sync a write there may wait for that one region's copy, not for the resync.
fio_run w --filename=/dev/mapper/m --rw=randwrite --runtime=8 --time_based --size=100% &
fio=$!
sleep 1
before=$(sync_done m)
# The last region: handed out first, so its writes must run at once.
write_block /dev/mapper/m $((SECTORS / 8 - 1))
write_block /dev/mapper/m $((SECTORS / 8 - 2))
wait $fio
check "fio without an error" fio_ok w
during=$(sync_done m)
figure "resync_seen $before..$during of $REGIONS regions"
at_most "resync was running when the writes began" "$before" $((REGIONS - 1))
figure "iops_during_resync $(fio_field w write_iops) IOPS"
figure "latency_mean $(fio_field w write_mean) us"
figure "latency_max $(fio_field w write_max) us"
at_most "slowest write below 1.5 s (us)" "$(fio_field w write_max)" 1500000
at_least "writes during resync (IOPS)" "$(fio_field w write_iops)" 40
wait_sync m 60
rm_mirror m
check "legs identical" legs_identical "$A" "$B" 128
kernel_quiet
check "daemon alive" daemon_lives
