# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# about: the package and the administrator's will: disabled, masked, upgraded, purged, installed in a chroot
# quick: no
# timeout: 600
# shellcheck source=tests/guest/lib.sh
. /job/lib.sh
# shellcheck source=tests/guest/chroot.sh
. /job/chroot.sh

enabled() { systemctl is-enabled "$1" 2>/dev/null; }

before=$(server_pid)
dpkg -i /job/dirtylogd.deb >/tmp/out 2>&1
equal "upgraded" "$(dpkg-query -W -f '${db:Status-Status}' dirtylogd)" installed
equal "an upgrade leaves the server alone" "$(server_pid)" "$before"
check "and tells of reload" grep -q "systemctl reload dirtylogd" /tmp/out

systemctl disable -q --now dirtylogd
dpkg -i /job/dirtylogd.deb >/tmp/out 2>&1
equal "disabled stays stopped, though its keeper is not" "$(enabled dirtylogd) $(systemctl is-active dirtylogd)" "disabled inactive"

systemctl disable -q --now dirtylogd dirtylogd-keep
dirtylogctl check >/tmp/checked 2>&1
equal "check fails" "$?" 1
check "and names the service that is disabled" grep -q "bad   dirtylogd.service is disabled" /tmp/checked
check "and that nobody answers" grep -q "bad   no dirtylogd answers" /tmp/checked
dpkg -i /job/dirtylogd.deb >/tmp/out 2>&1
equal "disabled stays disabled" "$(enabled dirtylogd)" disabled
equal "and stopped" "$(systemctl is-active dirtylogd)" inactive
equal "so does its keeper" "$(enabled dirtylogd-keep) $(systemctl is-active dirtylogd-keep)" "disabled inactive"

systemctl mask -q dirtylogd
check "configured although masked" dpkg -i /job/dirtylogd.deb
equal "masked stays masked" "$(enabled dirtylogd)" masked
equal "installed" "$(dpkg-query -W -f '${db:Status-Status}' dirtylogd)" installed
systemctl unmask -q dirtylogd

echo "clear-delay = 7" >>/etc/dirtylogd/dirtylogd.conf
check "removed" dpkg -r dirtylogd
check "the file of options is left" test -e /etc/dirtylogd/dirtylogd.conf
check "purged" dpkg -P dirtylogd
check "nothing is left" test ! -e /etc/dirtylogd -a ! -e /etc/systemd/system/sysinit.target.wants/dirtylogd.service

# No systemd runs in a chroot, where an image is made.
mkdir /tmp/chroot
mount --bind / /tmp/chroot
mount --bind /job /tmp/chroot/job
mount -t tmpfs none /tmp/chroot/run
chroot /tmp/chroot dpkg -i /job/dirtylogd.deb >/tmp/out 2>&1 || cat /tmp/out
umount /tmp/chroot/run /tmp/chroot/job /tmp/chroot
systemctl daemon-reload
equal "enabled in a chroot" "$(enabled dirtylogd) $(enabled dirtylogd-keep)" "enabled enabled"
equal "and not started" "$(systemctl is-active dirtylogd)" inactive

# What device-mapper shows there is its host's.
removed_in_chroot() { # "NAME..."
	check "removed in a chroot with $1" in_chroot "$1" sh -c 'dpkg -r dirtylogd && test ! -e /usr/sbin/dirtylogd'
	equal "the host's mirror stays on dirtylogd" "$(log_type vg-a)" userspace
	equal "all of it runs" "$(systemctl is-active dirtylogd dirtylogd-keep | xargs)" "active active"
}
systemctl start dirtylogd
make_vg vg d0 d1 d2
make_mirror vg/a 96M disk
check "adopt" dirtylogctl adopt vg/a
removed_in_chroot "dev proc run"
removed_in_chroot dev # nobody can tell that it is one
