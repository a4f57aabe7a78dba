#!/bin/busybox sh
# dom0's first process: devices, Xen's tools, the guests' bridge, then the lab's agent on the second serial port.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin:/usr/lib/xen/bin
/bin/busybox mkdir -p /dev /proc /sys /run /tmp /sbin /usr/sbin /var/lock /var/log/xen /var/lib/xenstored /var/lib/xen
/bin/busybox --install -s
mount -t devtmpfs dev /dev
mkdir -p /dev/pts
mount -t devpts pts /dev/pts
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
# A guest that is saved lies here.
mount -t tmpfs -o size=512m tmp /tmp
mkdir -p /run/xen /run/xenstored /run/lock
ln -s /run /var/run
ifconfig lo 127.0.0.1 up

while read -r module; do insmod "/modules/$module" || echo "init: no module $module"; done < /modules/order
mount -t xenfs xenfs /proc/xen

xenstored --pid-file /run/xenstored.pid || echo "init: no xenstored"
xen-init-dom0 || echo "init: xen-init-dom0 failed"
xenstore-write /local/pool/0/name Pool-0
xenconsoled --log=all --log-dir=/var/log/xen --pid-file /run/xenconsoled.pid || echo "init: no xenconsoled"

brctl addbr xenbr0
# A new port passes packets at once, not after half a minute of learning.
echo 0 > /sys/class/net/xenbr0/bridge/forward_delay
ifconfig xenbr0 10.87.0.1 netmask 255.255.0.0 up

echo "init: dom0 is ready"
agent dom0 /dev/ttyS1
echo "init: the agent ended"
poweroff -f
