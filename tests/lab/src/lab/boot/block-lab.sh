#!/bin/busybox sh
# Called by xl for a guest's disk: tells the driver in dom0 which device is behind it.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
case "$1" in
    add)
        device=$(xenstore-read "$XENBUS_PATH/params")
        xenstore-write "$XENBUS_PATH/physical-device" "$(stat -c %t:%T "$device")"
        xenstore-write "$XENBUS_PATH/hotplug-status" connected
        ;;
esac
