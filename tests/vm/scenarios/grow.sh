# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# about: a mirror grows by suspend, reload, resume: only the new regions resync
# disks: a=128M:random b=128M log=64M
# front: yes
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

A=$(dev a) B=$(dev b) LOG=$(dev log)
start_daemon --clear-delay 1 || exit 1

mk_mirror m dirtylogd 131072 "$LOG" 1024 "$A" "$B" || exit 1
wait_sync m 60
fio_run before --filename=/dev/mapper/m --rw=randwrite --runtime=2 --time_based --size=64m
check "writes before" fio_ok before
sleep 3

leg_before=$(stat_field "$B" 7)
snap 0
check "reload with twice the size" reload m "$(mirror_table dirtylogd 262144 "$LOG" 1024 "$A" "$B" dl-m)"
ratio=$(sync_ratio m)
figure "after_resume $ratio regions in sync"
equal "regions" "${ratio#*/}" 256
at_least "old regions in sync at once" "${ratio%/*}" 128
wait_sync m 60
copied=$((($(stat_field "$B" 7) - leg_before) / 1024))
figure "copied $copied regions"
equal "regions copied" $copied 128
if ! on_kernel_log; then
	snap 1
	equal "regions that were reported recovered" "$(delta 0 1 set_region_sync)" 128
fi
fio_run after --filename=/dev/mapper/m --rw=randwrite --runtime=2 --time_based --size=128m
check "writes after" fio_ok after
rm_mirror m
check "legs identical" legs_identical "$A" "$B" 128
kernel_quiet
check "daemon alive" daemon_lives
