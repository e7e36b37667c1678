# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
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

cat >/tmp/many.fio <<JOB
[global]
thread
direct=1
ioengine=libaio
iodepth=2
bs=4k
rw=randwrite
io_size=768k
verify=crc32c
verify_fatal=1
group_reporting
JOB
i=0
while [ $i -lt $COUNT ]; do
	# A log device each, of 2,048 sectors.
	dmsetup create "log$i" --table "0 2048 linear $LOG $((i * 2048))"
	mk_mirror "m$i" dirtylogd $SECTORS "/dev/mapper/log$i" 128 "$A@$((i * SECTORS))" "$B@$((i * SECTORS))"
	printf '[m%d]\nfilename=/dev/mapper/m%d\nrandseed=%d\n' $i $i $i >>/tmp/many.fio
	i=$((i + 1))
done
# The job file's sections go by the name that fio_run gives only for its own options.
fio --minimal --terse-version=3 --output=/tmp/fio.many /tmp/many.fio 2>/tmp/fio.many.log
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
