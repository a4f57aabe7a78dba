#!/bin/busybox sh
# Called by xl for a guest's network interface: puts dom0's end on the bridge.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
case "$1" in
    online | add)
        ifconfig "$vif" up
        brctl addif xenbr0 "$vif"
        xenstore-write "$XENBUS_PATH/hotplug-status" connected
        ;;
esac
