/* SPDX-License-Identifier: MIT OR GPL-2.0-or-later */
/*
 * The border between Xen's C and the Rust object. Either side trusts the other: what guests say is checked on the
 * Rust side, what Xen's macros check is checked here. Errors are negative errnos, domains are ids, handles are
 * addresses of the guest that runs on this CPU.
 */
#ifndef V4V_GLUE_H
#define V4V_GLUE_H

#include <xen/rwlock.h>
#include <xen/types.h>

/* Boot parameters; a limit of 0 stands for its default. Laid out as `Params` in src/glue.rs. */
struct v4v_params {
    bool enabled;
    bool mac_permissive;
    uint32_t max_rings;
    uint32_t max_pages;
};

/* ---- Rust, called from C: src/entry.rs ---- */

int v4v_start(struct v4v_params *params);
long v4v_hypercall(uint16_t caller, uint32_t cmd, uint64_t arg1, uint64_t arg2, uint64_t arg3, uint64_t arg4);
int v4v_domain_create(uint16_t domain);
void v4v_domain_destroy(uint16_t domain);
int v4v_domain_reset(uint16_t domain);

/* ---- C, called from Rust: src/glue.rs ---- */

void v4v_lock_init(rwlock_t *lock);
void v4v_read_lock(rwlock_t *lock);
void v4v_read_unlock(rwlock_t *lock);
void v4v_write_lock(rwlock_t *lock);
void v4v_write_unlock(rwlock_t *lock);

bool v4v_wants_cpu(void);
uint32_t v4v_vcpu(void);

bool v4v_range_ok(uint64_t handle, uint64_t bytes);
bool v4v_caller_is_32bit(void);
int v4v_copy_from_caller(void *to, uint64_t handle, uint32_t len);
int v4v_copy_to_caller(uint64_t handle, const void *from, uint32_t len);

int v4v_get_page(uint64_t gfn, uint32_t max_pages, void **page);
void v4v_put_pages(void *const *pages, uint32_t count);

bool v4v_domain_exists(uint16_t domain);
int v4v_may_enable(uint16_t domain);
int v4v_may_register_single(uint16_t partner);
int v4v_may_register_any(void);
int v4v_may_send(uint16_t to);
void v4v_signal(uint16_t domain);

void noreturn v4v_panic(const char *message, uint32_t len);

#endif
