# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# about: what is easily done wrong is said: no kernel module, not root, a miscounted table, nowhere to record to
# quick: no
# timeout: 400
# shellcheck source=tests/guest/lib.sh
. /job/lib.sh

said_since() { journalctl -u dirtylogd --since "@$1" -o cat --no-pager; }
status_says() { systemctl show -P StatusText dirtylogd | grep -q "$1"; }
status_is_silent() { ! status_says "$1"; }

locked=$(awk '/VmLck/ { print int($2 / 1024) }' "/proc/$(server_pid)/status")
figure "locked without logs: $locked MiB"
at_most "MiB locked without logs" "$locked" 80

# The kernel's module.
systemctl stop dirtylogd
check "the module can be removed" modprobe -r dm-log-userspace
since=$(date +%s)
systemctl start dirtylogd
equal "serves without the module" "$(systemctl is-active dirtylogd)" active
check "the journal says that nobody asks" grep -q "module dm-log-userspace is not loaded" <(said_since "$since")
check "and systemctl status" until_true 10 status_says "module dm-log-userspace is not loaded"
dirtylogctl check >/tmp/checked
equal "check fails" "$?" 1
check "and says what to do" grep -q "^bad .*dm_log_userspace.*modprobe" <(tr '\n' ' ' </tmp/checked | sed 's/ bad /\nbad /g')
modprobe dm-log-userspace
check "no more when it is loaded" until_true 10 status_is_silent "not loaded"

# Not root.
not_root() { setpriv --reuid=nobody --clear-groups timeout 10 "$@" >/tmp/out 2>/tmp/said; }
not_root dirtylogctl status
equal "dirtylogctl: exit status" "$?" 3
equal "dirtylogctl: nothing on stdout" "$(cat /tmp/out)" ""
check "dirtylogctl: is said" grep -q . /tmp/said
systemctl stop dirtylogd
not_root dirtylogd --foreground
equal "dirtylogd: exit status" "$?" 1
check "dirtylogd: is said" grep -q "must run as root" /tmp/said /tmp/out
setpriv --reuid=nobody --clear-groups dirtylogd --foreground >/dev/null 2>&1 &
alone=$!
sleep 3
systemctl start dirtylogd
check "takes no place" dirtylogctl stats
kill $alone 2>/dev/null

# A table whose words are miscounted.
size=8192
dmsetup create leg0 --table "0 $size linear $(disk d0) 0"
dmsetup create leg1 --table "0 $size linear $(disk d1) 0"
table() { # ARGC
	echo "0 $size mirror userspace $1 LOG-m integrated_flush core 1024 2 /dev/mapper/leg0 0 /dev/mapper/leg1 0"
}
since=$(date +%s)
check_not "too few are refused" dmsetup create m --table "$(table 3)"
told_how_many() { said_since "$since" | grep -q '<ARGC> counts .*: 3, or 4 with integrated_flush'; }
check "and told how many they are" until_true 10 told_how_many
check "so many are taken" dmsetup create m --table "$(table 4)"
dmsetup remove m

# Nowhere to record to.
echo "record = /usr/recorded" >>/etc/dirtylogd/dirtylogd.conf
since=$(date +%s)
systemctl restart dirtylogd
equal "serves though it cannot record" "$(systemctl is-active dirtylogd)" active
check "and says so" grep -q "cannot record to /usr/recorded" <(said_since "$since")
check "serves" dmsetup create m --table "$(table 4)"
dmsetup remove m
