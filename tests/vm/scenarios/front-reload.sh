# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# quick: no
# about: a running mirror gets the cached log in front of its own, and others, and loses it, under fio verify
# disks: a=64M b=64M log=64M
# needs: module
# timeout: 400
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

A=$(dev a) B=$(dev b) LOG=$(dev log)
SECTORS=131072
REGIONS=1024
start_daemon --clear-delay 1 || exit 1

table() { mirror_table "$1" $SECTORS "$LOG" 128 "$A" "$B" dl-m; }
dirty_on_disk() { log_dirty "$LOG" $REGIONS | wc -l; }

mk_mirror m kernel $SECTORS "$LOG" 128 "$A" "$B" nosync || exit 1
fio_run reload --filename=/dev/mapper/m --rw=randrw --rwmixread=30 --runtime=36 --time_based --iodepth=4 \
	--verify=crc32c --verify_backlog=64 --verify_fatal=1 &
fio=$!
for kind in front-kernel kernel front-dirtylogd-flush dirtylogd-flush front-dirtylogd dirtylogd front-kernel \
	front-dirtylogd-flush kernel front-dirtylogd-flush; do
	sleep 1
	check "reload to $kind under load" reload m "$(table $kind)"
	# Nothing was copied: the regions were in sync in the old log and are in the new one.
	check "$kind: in sync" until_true 20 in_sync m
done
# The same table again and again.
cycles=0
while [ $cycles -lt 20 ]; do
	dmsetup suspend m
	[ $((cycles % 5)) != 0 ] || equal "clears that a suspend has left" "$(dirty_on_disk)" 0
	dmsetup resume m
	cycles=$((cycles + 1))
	sleep 0.2
done
wait $fio
check "fio verify without an error" fio_ok reload
figure "reload $(fio_field reload write_iops) write IOPS, slowest write $(fio_field reload write_max) us"
wait_sync m 20

# Half way through a resync.
wipe "$LOG"
rm_mirror m
echo 2 >/sys/module/dm_mirror/parameters/raid1_resync_throttle
mk_mirror m front-dirtylogd-flush $SECTORS "$LOG" 128 "$A" "$B" sync || exit 1
some_done() { [ "$(sync_done m)" -ge 100 ]; }
check "a part is in sync" until_true 60 some_done
for kind in front-kernel front-dirtylogd-flush; do
	dmsetup suspend m
	before=$(log_clean "$LOG" $REGIONS)
	at_least "half way: clean on disk when suspended, before $kind" "$before" 100
	dmsetup load m --table "$(table $kind)"
	dmsetup resume m
	after=$(sync_done m)
	figure "half_to_$kind $before clean on disk, then $after in sync"
	at_least "half way: in sync kept by $kind" "$after" "$before"
	at_most "half way: out of sync kept by $kind" "$after" $((before + 60))
	sleep 1
done
echo 100 >/sys/module/dm_mirror/parameters/raid1_resync_throttle
wait_sync m 60
rm_mirror m
check "legs identical" legs_identical "$A" "$B" 64
kernel_quiet
check "daemon alive" daemon_lives
