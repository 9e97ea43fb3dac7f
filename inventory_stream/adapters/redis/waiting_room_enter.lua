-- Let people in to wait. KEYS: those of the room. ARGV: expiry_ms, then per person ticket id, draw (below 0),
-- turn, arrival in us, owner; turn and arrival are '' without a ticket, the owner is '' where the ticket id says
-- who it is. Returns turn and arrival of each, flat, turn -1 where another ticket of the owner stands; nothing at
-- all when the room is gone.
local state, waiting, present, seen, admitted, turns, bound, arrivals, owners = unpack(KEYS, 1, 9)
local opens_us = tonumber(redis.call('HGET', state, 'opens_us'))
if not opens_us then return false end
local clock = redis.call('TIME')
local now_us = clock[1] * 1000000 + clock[2]
local now_ms = string.format('%.0f', math.floor(now_us / 1000))
-- Arrivals are all different and grow, even when a new primary's clock is behind: first come, first served.
local last_us = tonumber(redis.call('HGET', state, 'last_us'))

local function plain(number) return string.format('%.0f', number) end

-- Whether another ticket of the owner waits or is let in; else this one is the owner's from now on.
local function is_taken(owner, ticket)
  if owner == '' then return false end
  local other = redis.call('HGET', owners, owner)
  if other and other ~= ticket and (redis.call('ZSCORE', waiting, other)
      or redis.call('ZSCORE', admitted, other .. '.' .. (redis.call('HGET', turns, other) or '0'))) then
    return true
  end
  redis.call('HSET', owners, owner, ticket)
  return false
end

local answer = {}
for at = 2, #ARGV, 5 do
  local ticket, draw, turn, arrived_us = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local over = tonumber(redis.call('HGET', turns, ticket) or 0)
  local mine = turn or over
  if not arrived_us and mine < over then mine = over end
  if is_taken(ARGV[at + 4], ticket) then
    answer[#answer + 1], answer[#answer + 2] = -1, '0'
  elseif mine < over then
    answer[#answer + 1], answer[#answer + 2] = mine, plain(arrived_us)
  else
    if mine > over then redis.call('HSET', turns, ticket, mine) end -- the turns before it were lost
    local known = redis.call('HGET', arrivals, ticket)
    local place = redis.call('ZSCORE', waiting, ticket)
    if known and (place or redis.call('ZSCORE', admitted, ticket .. '.' .. mine)) then
      arrived_us = tonumber(known)
    else
      if not arrived_us then
        arrived_us = math.max(now_us, last_us + 1)
        last_us = arrived_us
      end
      -- After a turn nobody is drawn again: who had one comes by arrival.
      if arrived_us < opens_us and mine == 0 then place = draw else place = plain(arrived_us) end
      redis.call('HSET', arrivals, ticket, plain(arrived_us))
      redis.call('ZADD', waiting, place, ticket)
    end
    if place then
      redis.call('ZADD', present, place, ticket)
      redis.call('ZADD', seen, now_ms, ticket)
    end
    answer[#answer + 1], answer[#answer + 2] = mine, plain(arrived_us)
  end
end
redis.call('HSET', state, 'last_us', plain(last_us))
for at = 2, 9 do redis.call('PEXPIREAT', KEYS[at], ARGV[1]) end
return answer
