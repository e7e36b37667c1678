# SPDX-License-Identifier: GPL-2.0-or-later
# What is to be packaged has been installed as Debian wants it. Of an RPM system units lie elsewhere, and it has no use
# for some files. What is there then counts, not the list of what was installed (of which all would be %config).
if(CPACK_GENERATOR STREQUAL "RPM")
	set(root ${CPACK_TEMPORARY_INSTALL_DIRECTORY})
	file(RENAME ${root}/lib/systemd ${root}/usr/lib/systemd)
	file(REMOVE_RECURSE ${root}/lib ${root}/usr/share/initramfs-tools ${root}/usr/share/lintian
		${root}/usr/share/doc/dirtylogd/changelog.gz)
	set(CPACK_ABSOLUTE_DESTINATION_FILES)
endif()
