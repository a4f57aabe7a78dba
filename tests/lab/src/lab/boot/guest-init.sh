#!/bin/busybox sh
# A guest's first process: devices, its address (lab.address= of the kernel's command line), then the lab's agent. On a machine
# without Xen there is no bridge: there the agent speaks over a serial port (lab.port=).
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
/bin/busybox mkdir -p /dev /proc /sys /run /tmp /sbin /usr/sbin
/bin/busybox --install -s
mount -t devtmpfs dev /dev
mkdir -p /dev/pts
mount -t devpts pts /dev/pts
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
ifconfig lo 127.0.0.1 up

while read -r module; do
    # A domU's user space may make hypercalls only when the module is told so.
    [ "$module" = xen-privcmd.ko ] && parameters="unrestricted=1" || parameters=""
    insmod "/modules/$module" $parameters || echo "init: no module $module"
done < /modules/order

for word in $(cat /proc/cmdline); do
    case "$word" in
        lab.address=*) address=${word#lab.address=} ;;
        lab.name=*) hostname "${word#lab.name=}" ;;
        lab.port=*) port=${word#lab.port=} ;;
    esac
done
if [ -n "$port" ]; then
    agent dom0 "$port"
    poweroff -f
fi
while [ ! -e /sys/class/net/eth0 ]; do sleep 0.1; done
ifconfig eth0 "$address" netmask 255.255.0.0 up

agent guest
echo "init: the agent ended"
poweroff -f
