# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# about: every LVM command that changes a mirror, with writes running: it is adopted again behind each
# quick: no
# timeout: 1800
# shellcheck source=tests/guest/lib.sh
. /job/lib.sh

make_vg vg d0 d1 d2 d3
make_mirror vg/a 64M disk
make_mirror vg/kept 32M core
check "adopt all" dirtylogctl adopt --all

nothing_suspended() { ! dmsetup info -c --noheadings -o suspended | grep -q Suspended; }

WATCHED='vg-a' OTHER='vg-kept'
stays() { # WHAT COMMAND...
	local what=$1 start
	shift
	start=$(now)
	"$@" >/tmp/out 2>&1 || { fail "$what: $*"; cat /tmp/out; }
	cat /tmp/out >>/tmp/said-by-lvm
	check "adopted behind $what" until_true 60 is_on $WATCHED userspace
	check "nothing is suspended behind $what" until_true 10 nothing_suspended
	check "the other is, too, behind $what" until_true 60 is_on "$OTHER" userspace
	figure "$what: adopted again $(elapsed_since "$start") s after it began"
}

start_writes /dev/vg/a 900
stays "lvs" lvs vg
stays "lvextend" lvextend -y -L +16M vg/a
stays "lvchange --refresh" lvchange --refresh vg/a
stays "vgchange --refresh" vgchange --refresh vg
stays "lvchange --permission" sh -c 'lvchange -pr vg/kept; lvchange -prw vg/kept'
stays "another tag" lvchange --addtag other vg/a
stays "monitoring off and on" sh -c 'lvchange --monitor n vg/a; lvchange --monitor y vg/a'
stays "pvmove of a leg" pvmove --alloc anywhere -i 1 "$(disk d0)" "$(disk d3)"
stays "pvmove of everything on a disk" pvmove --alloc anywhere -i 1 "$(disk d3)" "$(disk d0)"
OTHER='vg-kept-real' # below the snapshot's origin
stays "a snapshot" lvcreate -y -s -L 8M -n snap vg/kept
check "release it by its name" dirtylogctl release vg/kept
equal "the kernel's" "$(log_type vg-kept-real)" core
check "adopt it by its name" dirtylogctl adopt vg/kept
equal "ours" "$(log_type vg-kept-real)" userspace
lvremove -y vg/snap >/dev/null 2>&1
OTHER='vg-kept'
check "adopted behind the snapshot's end" until_true 60 is_on vg-kept userspace
figure "slowest write over all of these: $(slowest_write) ms"

WATCHED='vg-b'
stays "lvrename" lvrename vg a b
lvrename vg b a >/dev/null
WATCHED='vg-a'
check "and back" until_true 60 is_on vg-a userspace
check "in sync" until_true 60 sh -c "dmsetup status vg-a | grep -Eq ' ([0-9]+)/\1 '"
stays "lvconvert --mirrorlog core" lvconvert -y --mirrorlog core vg/a
check "in sync" until_true 60 sh -c "dmsetup status vg-a | grep -Eq ' ([0-9]+)/\1 '"
stays "lvconvert --mirrorlog disk" lvconvert -y --mirrorlog disk vg/a
check "in sync" until_true 60 sh -c "dmsetup status vg-a | grep -Eq ' ([0-9]+)/\1 '"
stays "lvchange --resync" lvchange -y --resync vg/a # it was made with --nosync
check "in sync" until_true 60 sh -c "dmsetup status vg-a | grep -Eq ' ([0-9]+)/\1 '"
stays "a third leg" lvconvert -y --alloc anywhere -m 2 vg/a
check "in sync" until_true 90 sh -c "dmsetup status vg-a | grep -Eq ' ([0-9]+)/\1 '"
stays "one leg less" lvconvert -y -m 1 vg/a
stays "deactivation and activation" sh -c 'lvchange -an vg/a && lvchange -ay vg/a'
stays "the group's" sh -c 'vgchange -an vg && vgchange -ay vg'

# Adopting and releasing beside LVM's commands, by whoever comes first.
(
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
		dirtylogctl release vg/a && echo moved
		dirtylogctl adopt vg/a && echo moved
	done >/tmp/loop 2>&1
) &
loop=$!
for _ in 1 2 3 4 5; do
	lvextend -y -L +4M vg/a >/tmp/out 2>&1 || { fail "lvextend beside adopt"; cat /tmp/out; }
	cat /tmp/out >>/tmp/said-by-lvm
done
wait $loop
at_least "adoptions and releases beside LVM" "$(grep -c '^moved$' /tmp/loop)" 12
check "the size is LVM's" test "$(blockdev --getsize64 /dev/vg/a)" = "$(lvs --noheadings --nosuffix --units b -o lv_size vg/a | tr -d ' ')"
check "nothing is suspended behind the race" until_true 10 nothing_suspended
check_not "the keeper wants released what is" sh -c "journalctl -u dirtylogd-keep -o cat | grep \"is on dirtylogd: has no log\""
check_not "LVM has found a suspended device" grep -Ei 'below zero|still suspended' /tmp/said-by-lvm
dirtylogctl adopt vg/a
check "adopted behind the race" until_true 60 is_on vg-a userspace

# Killed at any of its calls: the mirror is never left suspended, nor with a table that waits.
systemctl stop dirtylogd-keep
dirtylogctl release vg/kept >/dev/null
table_waits() { dmsetup info -c --noheadings -o tables_loaded | grep -Eq 'Both|Inactive'; }
start_writes /dev/vg/kept 900
killed=0
for when in $(seq 4 2 40); do
	status=0
	strace -f -o /dev/null -e trace=ioctl -e inject=ioctl:signal=SIGKILL:when="$when" \
		dirtylogctl adopt --once vg/kept >/dev/null 2>&1 || status=$?
	[ "$status" != 137 ] || killed=$((killed + 1))
	until_true 20 nothing_suspended || fail "the kill at call $when left a mirror suspended"
	! table_waits || fail "the kill at call $when left a table waiting"
	dirtylogctl release vg/kept >/dev/null 2>&1
done
at_least "kills" "$killed" 10
figure "slowest write under kills of dirtylogctl: $(slowest_write) ms"
equal "on the kernel's log" "$(log_type vg-kept)" core
systemctl start dirtylogd-keep
check "adopt after it" dirtylogctl adopt vg/a

check "no I/O error is in what was written" fio --name=v --filename=/dev/vg/a --direct=1 --rw=write --bs=64k --size=16M --verify=crc32c --output=/tmp/fio.out
journalctl -u dirtylogd-keep -o cat --no-pager | grep -v "adopted again" | tail -n 20
