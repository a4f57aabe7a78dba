//! The programs: how they are served and called, and where their figures are.
//!
//! `$WRAP` stands before each whose connections are to go over V4V; `set -e` makes every check count.

/// Whether more of a figure is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Better {
    More,
    Less,
}

/// Something that a program says of its own speed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figure {
    /// With its unit.
    pub(super) name: &'static str,
    pub(super) value: f64,
    pub(super) better: Better,
}

/// A program.
pub(super) struct Program {
    pub(super) name: &'static str,
    /// Lines for the server's shell; they may end or be killed.
    pub(super) server: &'static str,
    /// Where it listens.
    pub(super) port: u16,
    /// Lines for the client's shell.
    pub(super) client: &'static str,
    /// Bytes that the client sends and receives at least; what else goes over the network meanwhile is less.
    pub(super) bytes: u64,
    /// What the client's output says.
    pub(super) figures: fn(&str) -> Vec<Figure>,
}

fn figure(name: &'static str, better: Better, value: Option<f64>) -> Option<Figure> {
    value.map(|value| Figure { name, value, better })
}

/// The word `skip` words behind this one, as a number.
fn number_behind(text: &str, word: &str, skip: usize) -> Option<f64> {
    let rest = text.split(word).nth(1)?;
    rest.split_whitespace().nth(skip)?.parse().ok()
}

pub(super) const PROGRAMS: &[&Program] = &[
    &NPTCP, &IPERF, &REDIS, &NGINX, &POSTGRES, &RSYNC, &SCP, &MEMCACHED, &OPEN_MPI,
];

const NPTCP: Program = Program {
    name: "NPtcp",
    server: "$WRAP NPtcp",
    port: 5002,
    client: "$WRAP NPtcp -h $SERVER -u 65536 -o np.out >&2; cat np.out",
    bytes: 4 << 20,
    figures: |said| {
        let row = |bytes: &str| -> Option<Vec<f64>> {
            let line = said
                .lines()
                .find(|line| line.split_whitespace().next() == Some(bytes))?;
            line.split_whitespace().map(|word| word.parse().ok()).collect()
        };
        let latency = row("1").and_then(|row| row.get(2).map(|seconds| seconds * 1e6));
        let speed = row("65536").and_then(|row| row.get(1).copied());
        [
            figure("1 B, one way, us", Better::Less, latency),
            figure("64 KiB, Mbit/s", Better::More, speed),
        ]
        .into_iter()
        .flatten()
        .collect()
    },
};

const IPERF: Program = Program {
    name: "iperf3",
    server: "$WRAP iperf3 -s -1",
    port: 5201,
    client: "$WRAP iperf3 -c $SERVER -t 4 -J",
    bytes: 4 << 20,
    figures: |said| {
        let Ok(json) = serde_json::from_str::<serde_json::Value>(said) else {
            return Vec::new();
        };
        let received = json.pointer("/end/sum_received/bits_per_second");
        let speed = received
            .and_then(serde_json::Value::as_f64)
            .map(|bits| bits / 1e6);
        figure("stream, Mbit/s", Better::More, speed)
            .into_iter()
            .collect()
    },
};

const REDIS: Program = Program {
    name: "redis",
    server: "$WRAP redis-server --port 6379 --save '' --appendonly no --bind 0.0.0.0 --protected-mode no",
    port: 6379,
    client: "value=$(head -c 60000 /usr/bin/perl | base64 -w 0)
[ \"$(echo -n \"$value\" | $WRAP redis-cli -h $SERVER -x set key)\" = OK ]
[ \"$($WRAP redis-cli -h $SERVER get key)\" = \"$value\" ]
$WRAP redis-benchmark -h $SERVER -n 3000 -c 20 -t set,get --csv",
    bytes: 300_000,
    figures: |said| {
        let rate = |test: &str| {
            let line = said
                .lines()
                .find(|line| line.starts_with(&format!("\"{test}\"")))?;
            line.split(',').nth(1)?.trim_matches('"').parse().ok()
        };
        [
            figure("SET, 1/s", Better::More, rate("SET")),
            figure("GET, 1/s", Better::More, rate("GET")),
        ]
        .into_iter()
        .flatten()
        .collect()
    },
};

const NGINX: Program = Program {
    name: "nginx",
    server: "mkdir -p /srv/www
seq 1 150000 > /srv/www/large
head -c 1000 /srv/www/large > /srv/www/small
cat > nginx.conf <<END
daemon off; worker_processes 2; error_log stderr; pid /run/nginx.pid; user root;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 1000000; server { listen 8080 backlog=2048; root /srv/www; } }
END
$WRAP nginx -c /tmp/nginx.conf",
    port: 8080,
    client:
        "[ \"$($WRAP curl -sS http://$SERVER:8080/large | sha256sum)\" = \"$(seq 1 150000 | sha256sum)\" ]
$WRAP wrk -t 1 -c 1000 -d 10s --timeout 20s http://$SERVER:8080/small > wrk.out
cat wrk.out
! grep -E 'Socket errors|Non-2xx' wrk.out",
    bytes: 2_000_000,
    figures: |said| {
        let rate = number_behind(said, "Requests/sec:", 0);
        figure("1000 connections, 1/s", Better::More, rate)
            .into_iter()
            .collect()
    },
};

pub(super) const POSTGRES: Program = Program {
    name: "PostgreSQL",
    server: "printf 'local all all trust\\nhost all all 0.0.0.0/0 trust\\n' > hba
su postgres -c \"$WRAP /usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main \\
 -c config_file=/etc/postgresql/15/main/postgresql.conf -c hba_file=/tmp/hba -c listen_addresses='*' -c ssl=off -c fsync=off\"",
    port: 5432,
    client: "export PATH=$PATH:/usr/lib/postgresql/15/bin PGHOST=$SERVER PGUSER=postgres
until $WRAP psql -qc 'select 1' > ready 2>&1; do sleep 0.2; done
$WRAP pgbench -i -q -s 1 >&2
$WRAP pgbench -n -c 4 -t 25 -C
$WRAP pgbench -n -c 4 -t 50
sums=$($WRAP psql -Atc 'select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history), count(*) from pgbench_history')
[ \"$sums\" = 't|300' ]",
    bytes: 200_000,
    figures: |said| {
        let rates: Vec<f64> = said
            .lines()
            .filter_map(|line| line.strip_prefix("tps = ")?.split_whitespace().next()?.parse().ok())
            .collect();
        [
            figure("with connects, 1/s", Better::More, rates.first().copied()),
            figure("transactions, 1/s", Better::More, rates.get(1).copied()),
        ]
        .into_iter()
        .flatten()
        .collect()
    },
};

const RSYNC: Program = Program {
    name: "rsync",
    server: "printf '[files]\\npath = /usr/lib/postgresql\\nuse chroot = no\\n' > rsyncd.conf
$WRAP rsync --daemon --no-detach --port 8730 --config /tmp/rsyncd.conf",
    port: 8730,
    client: "rm -rf got
$WRAP rsync -a --info=stats1 rsync://$SERVER:8730/files/ got/
diff -r got /usr/lib/postgresql",
    bytes: 8 << 20,
    figures: |said| {
        let rate = said
            .split("bytes/sec")
            .next()
            .and_then(|before| before.split_whitespace().last());
        let rate = rate
            .and_then(|rate| rate.replace(',', "").parse::<f64>().ok())
            .map(|rate| rate / 1e6);
        figure("files, MB/s", Better::More, rate).into_iter().collect()
    },
};

const SCP: Program = Program {
    name: "sshd and scp",
    server: "$WRAP /usr/sbin/sshd -D -e",
    port: 22,
    client: "file=/usr/lib/postgresql/15/bin/postgres
start=$(date +%s%N)
$WRAP scp -q $SERVER:$file copy
end=$(date +%s%N)
cmp copy $file
echo rate $(( $(stat -c %s copy) * 1000 / ((end - start) / 1000) ))",
    bytes: 4 << 20,
    figures: |said| {
        let rate = number_behind(said, "rate", 0).map(|rate| rate / 1e3);
        figure("a file, MB/s", Better::More, rate).into_iter().collect()
    },
};

const MEMCACHED: Program = Program {
    name: "memcached",
    server: "$WRAP memcached -u root -l 0.0.0.0",
    port: 11211,
    client: "head -c 500000 /usr/bin/perl > item
$WRAP memccp --servers=$SERVER:11211 item
$WRAP memccat --servers=$SERVER:11211 item > back
cmp -n 500000 item back
start=$(date +%s%N)
$WRAP memcslap --servers=$SERVER:11211 --concurrency=4 --execute-number=300 --initial-load=300 --test=get >&2
end=$(date +%s%N)
echo rate $(( 1500 * 1000000000 / (end - start) ))",
    bytes: 1_000_000,
    figures: |said| {
        let rate = number_behind(said, "rate", 0);
        figure("set and get, 1/s", Better::More, rate)
            .into_iter()
            .collect()
    },
};

const OPEN_MPI: Program = Program {
    name: "Open MPI",
    server: "$WRAP /usr/sbin/sshd -D -e",
    port: 22,
    client: "$WRAP mpirun --allow-run-as-root -np 2 --host $CLIENT:1,$SERVER:1 --mca pml ob1 --mca osc pt2pt --mca op ^avx --mca btl tcp,self \\
 --mca btl_tcp_if_include eth0 --mca oob_tcp_if_include eth0 --mca orte_launch_agent \"$WRAP orted\" \\
 /usr/local/bin/mpi 200",
    bytes: 10 << 20,
    figures: |said| {
        [
            figure("8 B, one way, us", Better::Less, number_behind(said, "8 B:", 0)),
            figure("MPI_Put, MB/s", Better::More, number_behind(said, "put:", 0)),
        ]
        .into_iter()
        .flatten()
        .collect()
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    fn values(program: &Program, said: &str) -> Vec<f64> {
        (program.figures)(said)
            .into_iter()
            .map(|figure| figure.value)
            .collect()
    }

    #[test]
    fn figures_are_found_where_the_programs_write_them() {
        assert_eq!(
            values(&NPTCP, "       1 0.070 0.000108\n   65536 41.5 0.012\n"),
            [108.0, 41.5]
        );
        let json = r#"{"end":{"sum_received":{"bits_per_second":5e8}}}"#;
        assert_eq!(values(&IPERF, json), [500.0]);
        let csv = "\"test\",\"rps\"\n\"SET\",\"1500.5\",\"0.1\"\n\"GET\",\"1600\",\"0.1\"\n";
        assert_eq!(values(&REDIS, csv), [1500.5, 1600.0]);
        assert_eq!(
            values(&NGINX, "Requests/sec:   1234.56\nTransfer/sec: 1MB"),
            [1234.56]
        );
        let tps = "tps = 12.5 (including reconnection times)\ntps = 40.0 (without initial connection time)\n";
        assert_eq!(values(&POSTGRES, tps), [12.5, 40.0]);
        let stats = "sent 1,234 bytes  received 9,876 bytes  2,500,000.00 bytes/sec\ntotal size is";
        assert_eq!(values(&RSYNC, stats), [2.5]);
        assert_eq!(values(&SCP, "rate 2500\n"), [2.5]);
        assert_eq!(values(&MEMCACHED, "rate 300\n"), [300.0]);
        assert_eq!(
            values(
                &OPEN_MPI,
                "8 B: 123.4\n65536 B: 999\nput and get are right, put: 56.78\n"
            ),
            [123.4, 56.78]
        );
        assert!(values(&OPEN_MPI, "").is_empty());
    }
}
