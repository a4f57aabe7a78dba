//! What dom0 and the guests boot into: archives with busybox, the agent, modules, and in dom0 Xen's tools.

use super::archive::Archive;
use super::cache::{Key, make};
use super::compat;
use super::debian::unpack;
use super::kernel::Kernel;
use super::store::{files_below, folder};
use std::io;
use std::path::{Path, PathBuf};

/// Xen's tools for dom0 and the libraries that they need.
const TOOLS: [&str; 22] = [
    "xen-utils-4.17",
    "xenstore-utils",
    "libxencall1",
    "libxendevicemodel1",
    "libxenevtchn1",
    "libxenforeignmemory1",
    "libxengnttab1",
    "libxenhypfs1",
    "libxenmisc4.17",
    "libxenstore4",
    "libxentoolcore1",
    "libxentoollog1",
    "libyajl2",
    "libuuid1",
    "libbz2-1.0",
    "liblzma5",
    "libzstd1",
    "zlib1g",
    "liblzo2-2",
    "libc6",
    "libgcc-s1",
    "busybox-static",
];

/// A guest's programs from Debian and the libraries that they need.
const GUEST_PACKAGES: [&str; 4] = ["libc6", "libgcc-s1", "busybox-static", "netpipe-tcp"];

/// dom0's modules.
const DOM0_MODULES: [&str; 9] = [
    "xen-evtchn",
    "xen-gntdev",
    "xen-privcmd",
    "xenfs",
    "bridge",
    "xen-netback",
    "virtio_pci",
    "virtio_blk",
    "xen-blkback",
];

/// A guest's modules.
const GUEST_MODULES: [&str; 7] = [
    "xen-evtchn",
    "xen-privcmd",
    "xenfs",
    "xen-netfront",
    "xen-blkfront",
    "squashfs",
    "overlay",
];

/// Of the unpacked packages, what no program in an image reads.
const LEFT_OUT: [&str; 6] = [
    "usr/share/",
    "gconv/",
    "usr/lib/xen-common/",
    "python3",
    "etc/init.d/",
    ".complete",
];

/// The archives.
pub(crate) struct Images {
    /// dom0's, with the guests' kernel and archive in it.
    pub(crate) dom0: PathBuf,
    /// The guests'.
    pub(crate) guest: PathBuf,
}

/// Whose kernel is which.
pub(crate) struct Kernels<'a> {
    pub(crate) dom0: &'a Kernel,
    pub(crate) guests: &'a Kernel,
}

/// Builds both archives. `programs` are files for `/bin` of both, `module` is the guests' own.
pub(crate) fn build(kernels: &Kernels<'_>, programs: &[PathBuf], module: &Path) -> io::Result<Images> {
    let guest = guest(kernels.guests, programs, module)?;
    let tools = unpack("dom0-packages", &TOOLS)?;
    let compat = compat::build()?;
    let name = &kernels.guests.release;
    let image = folder("images")?.join(format!("dom0-{name}.cpio"));
    let mut key = Key::new(include_str!("image.rs"))
        .text(include_str!("boot/dom0-init.sh"))
        .text(include_str!("boot/vif-lab.sh"))
        .text(include_str!("boot/block-lab.sh"))
        .text(&kernels.dom0.release)
        .text(name)
        .file(&guest)?;
    for program in programs {
        key = key.file(program)?;
    }
    make(
        &format!("dom0's image for guests with {name}"),
        &key,
        &image,
        || {
            let mut archive = Archive::create(&image)?;
            tree(&mut archive, &tools)?;
            archive.link("usr/lib/xen", "xen-4.17")?;
            archive.link("usr/lib/xen-4.17/boot", "/guest")?;
            archive.bytes("init", 0o755, include_bytes!("boot/dom0-init.sh"))?;
            archive.bytes(
                "etc/xen/scripts/vif-lab",
                0o755,
                include_bytes!("boot/vif-lab.sh"),
            )?;
            archive.bytes(
                "etc/xen/scripts/block-lab",
                0o755,
                include_bytes!("boot/block-lab.sh"),
            )?;
            archive.bytes("etc/xen/xl.conf", 0o644, b"")?;
            common(&mut archive, programs, &kernels.dom0.modules(&DOM0_MODULES)?)?;
            archive.copy("guest/vmlinux", &kernels.guests.image)?;
            archive.copy("guest/guest.cpio", &guest)?;
            archive.copy("guest/compat", &compat)?;
            archive.finish()
        },
    )?;
    Ok(Images { dom0: image, guest })
}

fn guest(kernel: &Kernel, programs: &[PathBuf], module: &Path) -> io::Result<PathBuf> {
    let packages = unpack("guest-packages", &GUEST_PACKAGES)?;
    let image = folder("images")?.join(format!("guest-{}.cpio", kernel.release));
    let mut key = Key::new(include_str!("image.rs"))
        .text(include_str!("boot/guest-init.sh"))
        .text(&kernel.release);
    for file in programs.iter().map(PathBuf::as_path).chain([module]) {
        key = key.file(file)?;
    }
    make(
        &format!("the guests' image, {}", kernel.release),
        &key,
        &image,
        || {
            let mut archive = Archive::create(&image)?;
            tree(&mut archive, &packages)?;
            archive.bytes("init", 0o755, include_bytes!("boot/guest-init.sh"))?;
            common(&mut archive, programs, &kernel.modules(&GUEST_MODULES)?)?;
            archive.copy("lib/v4v.ko", module)?;
            archive.finish()
        },
    )?;
    Ok(image)
}

/// What every image has.
fn common(archive: &mut Archive, programs: &[PathBuf], modules: &[PathBuf]) -> io::Result<()> {
    archive.device("dev/console", 5, 1)?;
    archive.bytes("etc/passwd", 0o644, b"root::0:0:root:/:/bin/sh\n")?;
    archive.bytes("etc/group", 0o644, b"root:x:0:\n")?;
    archive.bytes("etc/protocols", 0o644, b"icmp 1\ntcp 6\nudp 17\n")?;
    archive.bytes("etc/nsswitch.conf", 0o644, b"hosts: files\nprotocols: files\n")?;
    for program in programs {
        archive.copy(&format!("bin/{}", name(program)), program)?;
    }
    let mut order = String::new();
    for module in modules {
        archive.copy(&format!("modules/{}", name(module)), module)?;
        order.push_str(&name(module));
        order.push('\n');
    }
    archive.bytes("modules/order", 0o644, order.as_bytes())
}

/// Unpacked packages, without what is not needed.
fn tree(archive: &mut Archive, root: &Path) -> io::Result<()> {
    for path in files_below(root)? {
        let inside = path
            .strip_prefix(root)
            .unwrap_or(&path)
            .to_string_lossy()
            .into_owned();
        if !LEFT_OUT.iter().any(|part| inside.contains(part)) {
            archive.copy(&inside, &path)?;
        }
    }
    Ok(())
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
