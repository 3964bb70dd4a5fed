#!/bin/sh
# Hook of mmdebstrap: makes of a minimal Debian ($1) what Docker Hub's debian:…-slim is.
# $2: folder with what to copy in (certificates of the host, /etc/capas-stand-in).
set -eu
umask 022
root=$1
cp -R --no-preserve=mode,ownership "$2/." "$root/"
rm -f "$root/etc/apt/sources.list" # sources.list.d/debian.sources has come with $2

# Packages installed later leave out what a container has no use for, as in the -slim images.
cat >"$root/etc/dpkg/dpkg.cfg.d/docker" <<'END'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/groff/*
path-exclude /usr/share/info/*
path-exclude /usr/share/linda/*
path-exclude /usr/share/lintian/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
END
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/docker-apt-speedup"
cat >"$root/etc/apt/apt.conf.d/docker-clean" <<'END'
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };
APT::Update::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
END
cat >"$root/etc/apt/apt.conf.d/docker" <<'END'
Acquire::Languages "none";
Acquire::Retries "3";
Apt::AutoRemove::SuggestsImportant "false";
END
# No service is started by installing its package.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"

chroot "$root" update-ca-certificates >/dev/null 2>&1

# Left out here, all at once: asking dpkg to leave it out file by file takes a third longer.
for folder in groff info linda lintian locale man; do
  find "$root/usr/share/$folder" -mindepth 1 -delete 2>/dev/null || true
done
find "$root/usr/share/doc" -mindepth 1 ! -type d ! -name copyright -delete
find "$root/usr/share/doc" -mindepth 1 -type d -empty -delete
rm -rf "$root/var/log/apt" "$root"/var/log/*.log "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old \
  "$root"/var/cache/apt/*.bin
