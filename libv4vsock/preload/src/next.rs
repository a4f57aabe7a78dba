//! The functions that this library stands before: the C library's, or another wrapper's.
//!
//! They are called through pointers of the loader's, not as system calls: so they stay cancellation points, and other libraries that
//! stand before the C library keep working. Calls and exports have the ABI `C-unwind` because a cancelled thread unwinds through them.

use libc::{
    c_int, c_uint, c_ulong, c_void, epoll_event, mmsghdr, msghdr, size_t, sockaddr, socklen_t, ssize_t,
    timespec,
};
use std::ffi::CStr;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A function's address, looked up once.
struct Symbol {
    name: &'static CStr,
    address: AtomicPtr<c_void>,
}

impl Symbol {
    const fn new(name: &'static CStr) -> Self {
        Self {
            name,
            address: AtomicPtr::new(ptr::null_mut()),
        }
    }

    #[inline]
    fn get(&self) -> *mut c_void {
        let address = self.address.load(Ordering::Relaxed);
        if address.is_null() {
            self.look_up()
        } else {
            address
        }
    }

    #[cold]
    fn look_up(&self) -> *mut c_void {
        let address = self.find();
        if address.is_null() {
            // A program cannot call what its own C library has not got, and nothing else leads here.
            // SAFETY: abort has no preconditions.
            unsafe { libc::abort() }
        }
        address
    }

    /// Null where the C library has no such function.
    fn find(&self) -> *mut c_void {
        // SAFETY: the name is a C string.
        let address = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
        self.address.store(address, Ordering::Relaxed);
        address
    }
}

macro_rules! next {
    ($($symbol:literal $name:ident($($arg:ident: $type:ty),*) -> $result:ty;)*) => {
        /// All of them.
        struct Symbols {
            $($name: Symbol,)*
        }

        static SYMBOLS: Symbols = Symbols {
            $($name: Symbol::new($symbol),)*
        };

        /// Looks all of them up: done once when the library is loaded, since the loader is not to be called in a signal handler.
        pub(crate) fn resolve() {
            $(SYMBOLS.$name.find();)*
        }

        $(
            #[doc = concat!("The next `", stringify!($name), "`.")]
            ///
            /// # Safety
            /// As the C library's.
            #[inline]
            pub(crate) unsafe fn $name($($arg: $type),*) -> $result {
                type Function = unsafe extern "C-unwind" fn($($type),*) -> $result;
                // SAFETY: the symbol of this name has this type (POSIX, and the manual pages of those that are Linux's); what
                // variadic functions take is passed, on the ABIs that Linux has, as to any other function.
                let function: Function = unsafe { std::mem::transmute(SYMBOLS.$name.get()) };
                // SAFETY: the caller's promise.
                unsafe { function($($arg),*) }
            }
        )*
    };
}

next! {
    c"socket" socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int;
    c"bind" bind(fd: c_int, address: *const sockaddr, len: socklen_t) -> c_int;
    c"connect" connect(fd: c_int, address: *const sockaddr, len: socklen_t) -> c_int;
    c"listen" listen(fd: c_int, backlog: c_int) -> c_int;
    c"accept" accept(fd: c_int, address: *mut sockaddr, len: *mut socklen_t) -> c_int;
    c"accept4" accept4(fd: c_int, address: *mut sockaddr, len: *mut socklen_t, flags: c_int) -> c_int;
    c"shutdown" shutdown(fd: c_int, how: c_int) -> c_int;
    c"getsockname" getsockname(fd: c_int, address: *mut sockaddr, len: *mut socklen_t) -> c_int;
    c"getpeername" getpeername(fd: c_int, address: *mut sockaddr, len: *mut socklen_t) -> c_int;
    c"getsockopt" getsockopt(fd: c_int, level: c_int, name: c_int, value: *mut c_void, len: *mut socklen_t) -> c_int;
    c"setsockopt" setsockopt(fd: c_int, level: c_int, name: c_int, value: *const c_void, len: socklen_t) -> c_int;
    c"sendto" sendto(fd: c_int, bytes: *const c_void, len: size_t, flags: c_int, to: *const sockaddr, to_len: socklen_t) -> ssize_t;
    c"sendmsg" sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> ssize_t;
    c"sendmmsg" sendmmsg(fd: c_int, messages: *mut mmsghdr, count: c_uint, flags: c_int) -> c_int;
    c"recvfrom" recvfrom(fd: c_int, bytes: *mut c_void, len: size_t, flags: c_int, from: *mut sockaddr, from_len: *mut socklen_t) -> ssize_t;
    c"__recvfrom_chk" recvfrom_chk(fd: c_int, bytes: *mut c_void, len: size_t, room: size_t, flags: c_int, from: *mut sockaddr, from_len: *mut socklen_t) -> ssize_t;
    c"recvmsg" recvmsg(fd: c_int, message: *mut msghdr, flags: c_int) -> ssize_t;
    c"recvmmsg" recvmmsg(fd: c_int, messages: *mut mmsghdr, count: c_uint, flags: c_int, timeout: *mut timespec) -> c_int;
    c"close" close(fd: c_int) -> c_int;
    c"close_range" close_range(first: c_uint, last: c_uint, flags: c_int) -> c_int;
    c"closefrom" closefrom(first: c_int) -> ();
    c"dup" dup(fd: c_int) -> c_int;
    c"dup2" dup2(from: c_int, to: c_int) -> c_int;
    c"dup3" dup3(from: c_int, to: c_int, flags: c_int) -> c_int;
    c"fcntl" fcntl(fd: c_int, command: c_int, argument: c_ulong) -> c_int;
    c"ioctl" ioctl(fd: c_int, request: c_ulong, argument: c_ulong) -> c_int;
    c"epoll_ctl" epoll_ctl(set: c_int, operation: c_int, fd: c_int, event: *mut epoll_event) -> c_int;
}
