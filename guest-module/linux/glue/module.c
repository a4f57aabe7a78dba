// SPDX-License-Identifier: MIT OR GPL-2.0-or-later
/* The module: parameters, interrupt, /proc/net/v4v, suspend. */
#define pr_fmt(fmt) "v4v: " fmt

#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/workqueue.h>

#include <net/net_namespace.h>
#include <net/sock.h>

#include <xen/events.h>
#include <xen/xen-ops.h>
#include <xen/xen.h>

#include "inner.h"

/* xen/include/public/xen.h; Linux has no name for it. */
#define V4V_VIRQ_ARGO	11

struct v4v_params v4v_params = { .ring_kib = 256, .spin_us = 0, .probe_ms = 500, .park = true };
module_param_named(ring_kib, v4v_params.ring_kib, uint, 0644);
MODULE_PARM_DESC(ring_kib, "Ring of a new connection in KiB (4 to 16384), unless SO_RCVBUF says otherwise");
module_param_named(spin_us, v4v_params.spin_us, uint, 0644);
MODULE_PARM_DESC(spin_us, "Microseconds to look for data before sleeping (at most 200); 0 sleeps at once");
module_param_named(probe_ms, v4v_params.probe_ms, uint, 0644);
MODULE_PARM_DESC(probe_ms, "On a Xen without our extension: milliseconds between looks for peers that are gone");
module_param_named(park, v4v_params.park, bool, 0644);
MODULE_PARM_DESC(park, "Let the vCPU wait inside Xen for a message that comes soon, where no other task wants it");

struct workqueue_struct *v4v_queue;
int v4v_virq = -1;

void v4v_c_seq_write(struct seq_file *m, const u8 *text, size_t len)
{
	seq_write(m, text, len);
}

static irqreturn_t v4v_irq(int irq, void *dev)
{
	v4v_rs_irq();
	return IRQ_HANDLED;
}

static int v4v_show(struct seq_file *m, void *unused)
{
	v4v_rs_show(m);
	return 0;
}

static void v4v_resume_work(struct work_struct *work)
{
	v4v_rs_resume();
}

static DECLARE_WORK(v4v_resume, v4v_resume_work);

/* Called before the devices are back, so the work is done when everything is. */
static int v4v_resumed(struct notifier_block *block, unsigned long action, void *data)
{
	queue_work(v4v_queue, &v4v_resume);
	return NOTIFY_OK;
}

static struct notifier_block v4v_resume_notifier = { .notifier_call = v4v_resumed };

static int __init v4v_init(void)
{
	int err;

	BUILD_BUG_ON(sizeof(struct sockaddr_v4v) != 12);
	if (!xen_domain()) {
		pr_err("this machine is no Xen guest: nothing to talk to\n");
		return -ENODEV;
	}
	v4v_queue = alloc_workqueue("v4v", WQ_HIGHPRI | WQ_UNBOUND, 0);
	if (!v4v_queue)
		return -ENOMEM;
	err = v4v_rs_init();
	if (err)
		goto no_rust;
	v4v_virq = bind_virq_to_irqhandler(V4V_VIRQ_ARGO, 0, v4v_irq, 0, "v4v", &v4v_virq);
	if (v4v_virq < 0) {
		err = v4v_virq;
		pr_err("cannot bind VIRQ %d (error %d): has another Argo driver been loaded?\n", V4V_VIRQ_ARGO, err);
		goto no_virq;
	}
	err = v4v_rs_start();
	if (err)
		goto no_start;
	err = -ENOMEM;
	if (!proc_create_single("v4v", 0444, init_net.proc_net, v4v_show))
		goto no_start;
	err = v4v_family_start();
	if (err)
		goto no_family;
	xen_resume_notifier_register(&v4v_resume_notifier);
	return 0;

no_family:
	remove_proc_entry("v4v", init_net.proc_net);
no_start:
	unbind_from_irqhandler(v4v_virq, &v4v_virq);
no_virq:
	v4v_tick_stop();
	v4v_rs_exit();
no_rust:
	destroy_workqueue(v4v_queue);
	return err;
}

/* The sockets hold the module, so there are none any more. */
static void __exit v4v_exit(void)
{
	xen_resume_notifier_unregister(&v4v_resume_notifier);
	v4v_family_stop();
	remove_proc_entry("v4v", init_net.proc_net);
	cancel_work_sync(&v4v_resume);
	unbind_from_irqhandler(v4v_virq, &v4v_virq);
	v4v_tick_stop();
	v4v_rs_exit();
	destroy_workqueue(v4v_queue);
}

module_init(v4v_init);
module_exit(v4v_exit);
MODULE_DESCRIPTION("AF_V4V: sockets between the domains of one Xen host");
MODULE_AUTHOR("The V4VSockets project");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_VERSION("0.1.0");
