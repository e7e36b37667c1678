# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# about: a running mirror goes from the kernel's disk log to dirtylogd and back on one log device
# disks: a=64M:random b=64M log=64M
# front: yes
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

A=$(dev a) B=$(dev b) LOG=$(dev log)
REGION=128
SECTORS=131072
REGIONS=1024
throttle=/sys/module/dm_mirror/parameters/raid1_resync_throttle
start_daemon || exit 1

table() { mirror_table "$1" $SECTORS "$LOG" $REGION "$A" "$B" dl-m; }

# Half way through a slow resync: what was in sync stays so, what was not is resynced.
echo 2 >$throttle
mk_mirror m kernel $SECTORS "$LOG" $REGION "$A" "$B" || exit 1
some_done() { [ "$(sync_done m)" -ge 100 ]; }
check "a part is in sync" until_true 60 some_done
dmsetup suspend m
before=$(log_clean "$LOG" $REGIONS)
dmsetup load m --table "$(table dirtylogd)"
dmsetup resume m
after=$(sync_done m)
figure "kernel_to_dirtylogd $before clean on disk, then $after in sync"
at_least "regions in sync kept: kernel to dirtylogd" "$after" "$before"
at_most "regions out of sync kept: kernel to dirtylogd" "$after" $((before + 60))
sleep 1
dmsetup suspend m
before=$(log_clean "$LOG" $REGIONS)
dmsetup load m --table "$(table kernel)"
dmsetup resume m
after=$(sync_done m)
figure "dirtylogd_to_kernel $before clean on disk, then $after in sync"
at_least "regions in sync kept: dirtylogd to kernel" "$after" "$before"
at_most "regions out of sync kept: dirtylogd to kernel" "$after" $((before + 60))
at_most "still resyncing" "$after" $((REGIONS - 1))
echo 100 >$throttle
wait_sync m 60

# In sync, I/O running. A copy would read whole regions of leg A.
fio_run swap --filename=/dev/mapper/m --rw=randwrite --runtime=9 --time_based --iodepth=4 \
	--verify=crc32c --verify_backlog=64 &
fio=$!
for kind in dirtylogd kernel dirtylogd kernel; do
	sleep 2
	check "swap to $kind under load" reload m "$(table $kind)"
	if [ $kind = dirtylogd ] && ! on_kernel_log; then
		check "the kernel speaks to dirtylogd" sh -c 'dmsetup table m | grep -q userspace'
	fi
done
wait $fio
check "fio verify without an error" fio_ok swap
figure "iops_while_swapped $(fio_field swap write_iops) IOPS"
figure "slowest_write $(fio_field swap write_max) us"
wait_sync m 20
rm_mirror m
check "legs identical" legs_identical "$A" "$B" 64
kernel_quiet
check "daemon alive" daemon_lives
