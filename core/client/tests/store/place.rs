//! The places where stores are kept, so that one test is held against each of them.

use std::sync::atomic::{AtomicU32, Ordering};

use redis::Script;
use secondme_avatar::{MemoryStore, RedisStore, SqliteStore, Store, Visitor};

use crate::redis_server::Server;
use crate::support::{Folder, Player};

/// Where several stores share what they keep.
pub(crate) enum Place {
    File(Folder),
    Redis { server: &'static Server, prefix: String },
}

impl Place {
    /// A file, and a Redis where one is installed.
    pub(crate) fn each(act: impl Fn(&Self)) {
        act(&Self::File(Folder::new()));
        if let Some(server) = Server::shared() {
            act(&Self::of(server));
        }
    }

    /// A prefix that no other test has.
    pub(crate) fn of(server: &'static Server) -> Self {
        Self::Redis { server, prefix: Self::prefix() }
    }

    /// The same for other ways to the server.
    pub(crate) fn prefix() -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        format!("test-{}-{number}", std::process::id())
    }

    pub(crate) fn open(&self) -> Box<dyn Store> {
        open(&self.address())
    }

    /// A path, or a URL.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::File(folder) => folder.file("avatar.db").into_os_string().into_string().unwrap(),
            Self::Redis { server, prefix } => server.url(prefix),
        }
    }

    /// As if what is kept of the visitor had been written at this time, in milliseconds.
    pub(crate) fn age(&self, visitor: &Visitor, millis: i64) {
        const AGE: &str = "
            local P = ARGV[1]
            for _, name in ipairs(redis.call('SMEMBERS', P .. 'avatars')) do
                local A, visitor, at = P .. name .. ':', ARGV[2], ARGV[3]
                local value = redis.call('HGET', A .. 'records', visitor)
                if value then
                    redis.call('HSET', A .. 'records', visitor, (string.gsub(value, '^%d+', at)))
                end
                for _, id in ipairs(redis.call('HKEYS', A .. 'messages:' .. visitor)) do
                    value = redis.call('HGET', A .. 'messages:' .. visitor, id)
                    value = string.gsub(value, '^(%d+) %d+', '%1 ' .. at)
                    redis.call('HSET', A .. 'messages:' .. visitor, id, value)
                end
                if redis.call('ZSCORE', A .. 'touched', visitor) then
                    redis.call('ZADD', A .. 'touched', at, visitor)
                end
            end";
        match self {
            Self::File(_) => {
                let connection = rusqlite::Connection::open(self.address()).unwrap();
                for table in ["records", "messages"] {
                    let statement = format!("UPDATE {table} SET saved_at = ?2 WHERE visitor = ?1");
                    connection.execute(&statement, (visitor.id().as_str(), millis)).unwrap();
                }
            }
            Self::Redis { server, prefix } => {
                let mut connection = server.connect();
                let (script, prefix) = (Script::new(AGE), format!("{{{prefix}}}:"));
                let mut script = script.arg(prefix);
                let () = script.arg(visitor.id().as_str()).arg(millis).invoke(&mut connection).unwrap();
            }
        }
    }

    /// Starts another process, which plays a role with a store in this place.
    pub(crate) fn start(&self, role: &str, arguments: &[u64]) -> Guest {
        let before = self.leases();
        let player = Player::start(role, &self.address(), arguments);
        Guest { player, before }
    }

    /// Kills it. Its lease is as if it had run out.
    pub(crate) fn kill(&self, guest: &mut Guest) {
        // The lease is its own: no other store was opened since it was started.
        let leases = guest.leases(self);
        guest.player.kill();
        self.end_leases(&leases);
    }

    /// Which of these words are in what is kept, or in the names under which it is.
    pub(crate) fn found<'a>(&self, words: &[&'a str]) -> Vec<&'a str> {
        const ALL: &str = "
            local out = {}
            for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
                out[#out + 1] = key
                local kind, more = redis.call('TYPE', key).ok, {}
                if kind == 'string' then more = { redis.call('GET', key) } end
                if kind == 'hash' then more = redis.call('HGETALL', key) end
                if kind == 'set' then more = redis.call('SMEMBERS', key) end
                if kind == 'zset' then more = redis.call('ZRANGE', key, 0, -1) end
                for _, text in ipairs(more) do out[#out + 1] = text end
            end
            return out";
        let texts: Vec<Vec<u8>> = match self {
            Self::File(folder) => {
                folder.names().iter().map(|name| std::fs::read(folder.file(name)).unwrap()).collect()
            }
            Self::Redis { server, prefix } => {
                let script = Script::new(ALL);
                script.arg(format!("{{{prefix}}}:")).invoke(&mut server.connect()).unwrap()
            }
        };
        let is_in = |word: &str, text: &[u8]| text.windows(word.len()).any(|bytes| bytes == word.as_bytes());
        words.iter().copied().filter(|word| texts.iter().any(|text| is_in(word, text))).collect()
    }

    /// The leases of the stores that are open, where that shows in what is kept.
    pub(crate) fn leases(&self) -> Vec<String> {
        let Self::Redis { server, prefix } = self else { return Vec::new() };
        redis::cmd("KEYS").arg(format!("{{{prefix}}}:owner:*")).query(&mut server.connect()).unwrap()
    }

    /// As if these leases had run out.
    pub(crate) fn end_leases(&self, leases: &[String]) {
        if let (Self::Redis { server, .. }, false) = (self, leases.is_empty()) {
            redis::cmd("DEL").arg(leases).exec(&mut server.connect()).unwrap();
        }
    }
}

/// Another process, and the leases that there were before it.
pub(crate) struct Guest {
    pub(crate) player: Player,
    before: Vec<String>,
}

impl Guest {
    /// Those that there were not before it was started.
    fn leases(&self, place: &Place) -> Vec<String> {
        place.leases().into_iter().filter(|lease| !self.before.contains(lease)).collect()
    }
}

/// Opens the store at this address.
pub(crate) fn open(address: &str) -> Box<dyn Store> {
    if RedisStore::is_url(address) {
        Box::new(RedisStore::open(address).unwrap())
    } else {
        Box::new(SqliteStore::open(address).unwrap())
    }
}

/// One store of each kind.
pub(crate) fn each_store(act: impl Fn(&dyn Store)) {
    Place::each(|place| act(&*place.open()));
    act(&MemoryStore::new());
}
