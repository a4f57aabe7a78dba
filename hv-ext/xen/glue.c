/* SPDX-License-Identifier: MIT OR GPL-2.0-or-later */
/*
 * V4VSockets in Xen: the symbols of common/argo.o, and Xen's macros turned into functions for the Rust object.
 *
 * Boot parameter: argo=<bool>,mac-permissive=<bool>,max-rings=<n>,max-pages=<n>
 */
#include <xen/argo.h>
#include <xen/domain_page.h>
#include <xen/errno.h>
#include <xen/event.h>
#include <xen/guest_access.h>
#include <xen/hypercall.h>
#include <xen/init.h>
#include <xen/lib.h>
#include <xen/param.h>
#include <xen/sched.h>
#include <xsm/xsm.h>

#include <public/argo.h>
#ifdef CONFIG_COMPAT
#include <compat/argo.h>
#endif

#include "glue.h"

/* What struct domain points to: made with the domain, freed with it. */
struct argo_domain {
    /* Pages that the domain gave and that are not given back. Each keeps the domain, and so this, in being. */
    atomic_t pages;
    /* The Rust object has state for the domain. A domain id may be another domain's once this one is dying. */
    bool live;
};

static struct v4v_params __initdata params;

/* The number behind "name=" in s..e; false where it is another name, or no positive 32-bit number. */
static bool __init parse_limit(const char *name, const char *s, const char *e, uint32_t *limit)
{
    size_t len = strlen(name);
    const char *end;
    unsigned long val;

    if ( e - s <= len || strncmp(s, name, len) || s[len] != '=' )
        return false;

    val = simple_strtoul(&s[len + 1], &end, 0);
    if ( end != e || !val || val > UINT32_MAX )
        return false;

    *limit = val;
    return true;
}

static int __init cf_check parse_argo(const char *s)
{
    int rc = 0;

    for ( ;; )
    {
        const char *e = strchr(s, ',') ?: strchr(s, '\0');
        int val;

        if ( (val = parse_bool(s, e)) >= 0 )
            params.enabled = val;
        else if ( (val = parse_boolean("mac-permissive", s, e)) >= 0 )
            params.mac_permissive = val;
        else if ( !parse_limit("max-rings", s, e, &params.max_rings) &&
                  !parse_limit("max-pages", s, e, &params.max_pages) )
            rc = -EINVAL;

        if ( !*e )
            return rc;

        s = e + 1;
    }
}
custom_param("argo", parse_argo);

static int __init cf_check v4v_boot(void)
{
    int rc = v4v_start(&params);

    if ( rc )
        printk(XENLOG_ERR "V4VSockets: no memory, Argo is off\n");
    else if ( params.enabled )
        printk(XENLOG_INFO "V4VSockets: %u rings and %u ring pages for each domain, wildcard rings %s\n",
               params.max_rings, params.max_pages, params.mac_permissive ? "on" : "off");

    return rc;
}
presmp_initcall(v4v_boot);

/* ---- Xen's hooks ---- */

long do_argo_op(unsigned int cmd, XEN_GUEST_HANDLE_PARAM(void) arg1, XEN_GUEST_HANDLE_PARAM(void) arg2,
                unsigned long arg3, unsigned long arg4)
{
    long rc = v4v_hypercall(current->domain->domain_id, cmd, (unsigned long)arg1.p, (unsigned long)arg2.p, arg3, arg4);

    /* A long message has stopped on its way, and the Rust object remembers where. */
    if ( rc == -ERESTART )
        rc = hypercall_create_continuation(__HYPERVISOR_argo_op, "ihhll", cmd, arg1, arg2, arg3, arg4);

    return rc;
}

#ifdef CONFIG_COMPAT
/* As upstream: only the descriptions of sendv's buffers differ, which v4v_caller_is_32bit() tells. */
int compat_argo_op(unsigned int cmd, XEN_GUEST_HANDLE_PARAM(void) arg1, XEN_GUEST_HANDLE_PARAM(void) arg2,
                   unsigned long arg3, unsigned long arg4)
{
    BUILD_BUG_ON(sizeof(struct compat_argo_iov) != 12);

    return do_argo_op(cmd, arg1, arg2, arg3, arg4);
}
#endif

int argo_init(struct domain *d)
{
    int rc;

    /* The domain is in no list yet, so XSM is asked about it here. */
    if ( xsm_argo_enable(d) )
        return 0;

    d->argo = xzalloc(struct argo_domain);
    if ( !d->argo )
        return -ENOMEM;

    rc = v4v_domain_create(d->domain_id);
    d->argo->live = !rc;

    return rc;
}

/* Called when the domain starts to die, and again at its end, when its id may be another domain's. */
void argo_destroy(struct domain *d)
{
    BUG_ON(!d->is_dying);

    if ( !d->argo )
        return;

    if ( d->argo->live )
    {
        d->argo->live = false;
        v4v_domain_destroy(d->domain_id);
    }

    if ( d->is_dying == DOMDYING_dead )
    {
        ASSERT(!atomic_read(&d->argo->pages));
        XFREE(d->argo);
    }
}

void argo_soft_reset(struct domain *d)
{
    if ( !d->argo || !d->argo->live )
        return;

    d->argo->live = !v4v_domain_reset(d->domain_id);
    if ( !d->argo->live )
        printk(XENLOG_ERR "V4VSockets: %pd is without Argo after its reset: no memory\n", d);
}

/* ---- Locks ---- */

void v4v_lock_init(rwlock_t *lock)
{
    /* Room for it in src/lock.rs. */
    BUILD_BUG_ON(sizeof(*lock) > 24 || __alignof__(*lock) > 8);

    rwlock_init(lock);
}

void v4v_read_lock(rwlock_t *lock)
{
    read_lock(lock);
}

void v4v_read_unlock(rwlock_t *lock)
{
    read_unlock(lock);
}

void v4v_write_lock(rwlock_t *lock)
{
    write_lock(lock);
}

void v4v_write_unlock(rwlock_t *lock)
{
    write_unlock(lock);
}

/* ---- This CPU ---- */

bool v4v_wants_cpu(void)
{
    return hypercall_preempt_check();
}

uint32_t v4v_vcpu(void)
{
    return current->vcpu_id;
}

/* ---- The calling guest's memory ---- */

bool v4v_range_ok(uint64_t handle, uint64_t bytes)
{
    XEN_GUEST_HANDLE_PARAM(char) array = guest_handle_from_ptr(handle, char);

    return guest_handle_okay(array, bytes);
}

bool v4v_caller_is_32bit(void)
{
#ifdef CONFIG_COMPAT
    return current->hcall_compat;
#else
    return false;
#endif
}

int v4v_copy_from_caller(void *to, uint64_t handle, uint32_t len)
{
    return raw_copy_from_guest(to, (const void *)handle, len) ? -EFAULT : 0;
}

int v4v_copy_to_caller(uint64_t handle, const void *from, uint32_t len)
{
    return raw_copy_to_guest((void *)handle, from, len) ? -EFAULT : 0;
}

/* ---- Its pages ---- */

/* Takes a page of the calling domain that a guest may write, counted and typed, so that it stays what it is. */
static int take_page(struct domain *d, gfn_t gfn, struct page_info **page)
{
    p2m_type_t type;
    int rc = check_get_page_from_gfn(d, gfn, false, &type, page);

    if ( rc )
        return rc;

#ifdef CONFIG_X86
    if ( type == p2m_ram_logdirty )
        rc = -EAGAIN;
    else
#endif
    if ( type != p2m_ram_rw || !get_page_and_type(*page, d, PGT_writable_page) )
        rc = -EINVAL;

    put_page(*page);

    return rc;
}

int v4v_get_page(uint64_t gfn, uint32_t max_pages, void **page)
{
    struct domain *d = current->domain;
    struct page_info *info;
    int rc = -ENOSPC;

    if ( !d->argo )
        return -ENODEV;

    if ( (unsigned int)atomic_add_return(1, &d->argo->pages) > max_pages )
        goto uncount;

    rc = take_page(d, _gfn(gfn), &info);
    if ( rc )
        goto uncount;

    *page = __map_domain_page_global(info);
    if ( *page )
        return 0;

    rc = -ENOMEM;
    put_page_and_type(info);

 uncount:
    atomic_dec(&d->argo->pages);
    return rc;
}

void v4v_put_pages(void *const *pages, uint32_t count)
{
    struct domain *d = page_get_owner(mfn_to_page(domain_page_map_to_mfn(pages[0])));
    uint32_t i;

    /* First, since the last page may be what keeps the domain. */
    atomic_sub(count, &d->argo->pages);

    for ( i = 0; i < count; i++ )
    {
        mfn_t mfn = domain_page_map_to_mfn(pages[i]);

        unmap_domain_page_global(pages[i]);
        put_page_and_type(mfn_to_page(mfn));
    }
}

/* ---- Domains and policy ---- */

bool v4v_domain_exists(uint16_t domain)
{
    struct domain *d = rcu_lock_domain_by_id(domain);

    if ( !d )
        return false;

    rcu_unlock_domain(d);
    return true;
}

int v4v_may_enable(uint16_t domain)
{
    struct domain *currd = current->domain;

    /* Another domain than the caller is one that argo_init() has asked about. */
    return domain == currd->domain_id ? xsm_argo_enable(currd) : 0;
}

int v4v_may_register_single(uint16_t partner)
{
    struct domain *d = rcu_lock_domain_by_id(partner);
    int rc;

    if ( !d )
        return -ESRCH;

    rc = xsm_argo_register_single_source(current->domain, d);
    rcu_unlock_domain(d);

    return rc;
}

int v4v_may_register_any(void)
{
    return xsm_argo_register_any_source(current->domain);
}

int v4v_may_send(uint16_t to)
{
    struct domain *d = rcu_lock_domain_by_id(to);
    int rc;

    if ( !d )
        return -ESRCH;

    rc = xsm_argo_send(current->domain, d);
    rcu_unlock_domain(d);

    return rc;
}

void v4v_signal(uint16_t domain)
{
    struct domain *d = rcu_lock_domain_by_id(domain);

    if ( !d )
        return;

    send_guest_global_virq(d, VIRQ_ARGO);
    rcu_unlock_domain(d);
}

/* ---- The end ---- */

void noreturn v4v_panic(const char *message, uint32_t len)
{
    printk(XENLOG_ERR "V4VSockets: %.*s\n", (int)len, message);
    BUG();
}
