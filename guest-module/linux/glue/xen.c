// SPDX-License-Identifier: MIT OR GPL-2.0-or-later
/* Hypercalls. */
#include <linux/errno.h>
#include <linux/types.h>

#include <xen/interface/xen.h>
#include <xen/interface/event_channel.h>
#include <xen/xen-ops.h>
#include <asm/xen/hypercall.h>

#include "glue.h"

/* xen/include/public/xen.h; Linux has no name for it. */
#define V4V_ARGO_OP	39

long v4v_c_argo(u32 op, u64 arg1, u64 arg2, u64 arg3, u64 arg4)
{
	return xen_single_call(V4V_ARGO_OP, op, arg1, arg2, arg3, arg4);
}

long v4v_c_argo_user(u32 op, u64 arg1, u64 arg2, u64 arg3, u64 arg4)
{
	return privcmd_call(V4V_ARGO_OP, op, arg1, arg2, arg3, arg4);
}

/*
 * Xen tells no guest its own id, but it writes the id down where the guest asks for an event channel to itself. Unlike
 * xenstore's word this is there in every guest, before and without any toolstack.
 */
int v4v_c_domain_id(void)
{
	struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	struct evtchn_status status = { .dom = DOMID_SELF };
	struct evtchn_close close;
	int err;

	err = HYPERVISOR_event_channel_op(EVTCHNOP_alloc_unbound, &alloc);
	if (err)
		return err;
	status.port = alloc.port;
	err = HYPERVISOR_event_channel_op(EVTCHNOP_status, &status);
	close.port = alloc.port;
	(void)HYPERVISOR_event_channel_op(EVTCHNOP_close, &close);
	if (err)
		return err;
	return status.status == EVTCHNSTAT_unbound ? status.u.unbound.dom : -EPROTO;
}
