# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# quick: no
# about: 32 mirrors at once, resync and fio verify together
# disks: a=256M:random b=256M log=64M
# front: yes
# timeout: 180
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

A=$(dev a) B=$(dev b) LOG=$(dev log)
COUNT=32
SECTORS=16384
start_daemon || exit 1

verified_job 2 rw=randwrite io_size=768k
i=0
while [ $i -lt $COUNT ]; do
	one_of_many $i dirtylogd
	i=$((i + 1))
done
start_job many
wait $fio_pid
check "fio verify without an error" fio_ok many
figure "writes_32_mirrors $(fio_field many write_iops) IOPS"

all_in_sync() {
	dmsetup status --target mirror | awk '{ split($(5 + $5 + 1), r, "/"); if (r[1] != r[2] || r[2] == "") bad = 1 }
		END { exit bad || NR != '$COUNT' }'
}
check "all mirrors in sync" until_true 90 all_in_sync
dmsetup status --target mirror >/tmp/status.log
equal "mirrors with an alive log" "$(grep -c ' A$' /tmp/status.log)" $COUNT
i=0
while [ $i -lt $COUNT ]; do
	rm_mirror "m$i"
	dmsetup remove "log$i"
	i=$((i + 1))
done
check "legs identical" legs_identical "$A" "$B" 256
if ! on_kernel_log; then
	check "no log left" until_true 3 no_logs
fi
kernel_quiet
check "daemon alive" daemon_lives
