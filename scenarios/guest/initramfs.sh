# SPDX-License-Identifier: GPL-2.0-only
# initramfs.sh INIT [NAME|/PATH ...] >CPIO: the initramfs of a Linux that this level starts: this level's busybox, its nvh-NAMEs, the
# files at the paths, and INIT as the first program.
set -e
root=/tmp/initramfs.d
rm -rf $root
mkdir -p $root/bin $root/lib $root/proc $root/sys $root/dev $root/tmp
cp -L /bin/busybox $root/bin/
for library in ld-linux-aarch64.so.1 aarch64-linux-gnu/libc.so.6 aarch64-linux-gnu/libresolv.so.2; do
	cp -L /lib/$library $root/lib/
done
cp "$1" $root/init
chmod 755 $root/init
shift
for name in "$@"; do
	case $name in
	/*) cp -L "$name" $root/ ;;
	*) cp -L "/usr/sbin/nvh-$name" $root/bin/ ;;
	esac
done
cd $root
find . | busybox cpio -o -H newc
