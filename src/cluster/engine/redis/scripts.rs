//! The rules of `engine::records`, as scripts that Redis (5 and later) runs each in one go.
//!
//! Keys, all with one hash tag: of each database its record, which ends with the lease, and the highest epoch so far;
//! and the hubs that live, by until when. A record is `epoch name address`, of which none has spaces.

/// What all scripts of records begin with. Numbers are written without an exponent.
macro_rules! with_records {
    ($script:literal) => {
        concat!(
            r"
local name, address, lease, keep = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local function number(value) return string.format('%.0f', value) end
local function read(key)
  local record = redis.call('GET', key)
  if not record then return nil end
  local epoch, owner, place = string.match(record, '^(%d+) (%S+) (%S+)$')
  return tonumber(epoch), owner, place
end
local function highest(key) return tonumber(redis.call('GET', key) or '0') end
local function write(record, epochs, epoch, owner, place)
  redis.call('SET', record, number(epoch) .. ' ' .. owner .. ' ' .. place, 'PX', lease)
  redis.call('SET', epochs, number(epoch), 'PX', keep)
end
local answers = {}
",
            $script
        )
    };
}

/// Keys: of each database its record, and its highest epoch. Arguments: name, address, lease, keep, `take` or `look`,
/// until when this may be done, in milliseconds of the server's clock, how long a record lasts at most, and the highest
/// epoch that is known of each.
///
/// A server that stood still does late what it was sent before. Owners could not renew meanwhile, and are there all the
/// same: a claim that nobody waits for any more must not take their place.
pub const CLAIM: &str = with_records!(
    r"
local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) > tonumber(ARGV[6]) then
  return redis.error_reply('it was asked for this too long ago')
end
for i = 1, #KEYS, 2 do
  local epoch, owner, place = read(KEYS[i])
  if epoch and owner ~= name then
    if redis.call('PTTL', KEYS[i]) > tonumber(ARGV[7]) then redis.call('PEXPIRE', KEYS[i], lease) end
    answers[#answers + 1] = { 'foreign', number(epoch), owner, place, number(redis.call('PTTL', KEYS[i])) }
  elseif not epoch and ARGV[5] == 'look' then
    answers[#answers + 1] = { 'vacant' }
  else
    local next = math.max(epoch or 0, highest(KEYS[i + 1]), tonumber(ARGV[8 + (i - 1) / 2])) + 1
    write(KEYS[i], KEYS[i + 1], next, name, address)
    answers[#answers + 1] = { 'mine', number(next) }
  end
end
return answers
"
);

/// Keys as [`CLAIM`]. Arguments: name, address, lease, keep, and the epoch of each.
pub const RENEW: &str = with_records!(
    r"
for i = 1, #KEYS, 2 do
  local mine = tonumber(ARGV[5 + (i - 1) / 2])
  local epoch, owner = read(KEYS[i])
  local is_mine
  if not epoch then
    is_mine = highest(KEYS[i + 1]) <= mine
  elseif epoch == mine then
    is_mine = owner == name
  else
    is_mine = epoch < mine
  end
  if is_mine then write(KEYS[i], KEYS[i + 1], mine, name, address) end
  answers[#answers + 1] = is_mine and '1' or '0'
end
return answers
"
);

/// Keys and arguments as [`RENEW`].
pub const RELEASE: &str = with_records!(
    r"
for i = 1, #KEYS, 2 do
  local epoch, owner = read(KEYS[i])
  if epoch == tonumber(ARGV[5 + (i - 1) / 2]) and owner == name then redis.call('DEL', KEYS[i]) end
end
return answers
"
);

/// Keys: a record, and the highest epoch. Arguments: the owner's name and address, lease, keep, the epoch, and the next
/// owner's name and address.
pub const PASS: &str = with_records!(
    r"
local mine = tonumber(ARGV[5])
local epoch, owner = read(KEYS[1])
local is_as_asked = epoch == mine and owner == name or epoch == mine + 1 and owner == ARGV[6]
if not is_as_asked then return { '0' } end
write(KEYS[1], KEYS[2], mine + 1, ARGV[6], ARGV[7])
return { '1' }
"
);

/// Key: the hubs. Arguments: this one as `life name address`, how long it counts as alive, and how long one does at
/// most.
pub const ANNOUNCE: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local function life_from_now(hub) redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), hub) end
local too_long = redis.call('ZRANGEBYSCORE', KEYS[1], now + tonumber(ARGV[3]), '+inf')
for _, hub in ipairs(too_long) do life_from_now(hub) end
life_from_now(ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZRANGE', KEYS[1], 0, -1)
";
