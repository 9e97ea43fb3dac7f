-- For the benchmark tool, which can draw a number and nothing else: SKU and units follow from the number.
-- KEYS: outcome of the command, ending with 12 digits. ARGV: how many SKUs there are, the most units asked.
local digits = string.sub(KEYS[1], -12)
local number = tonumber(digits)
local sku = string.format('stock:SKU-%05d', math.floor(number / ARGV[2]) % ARGV[1])
return decide(sku, KEYS[1], 1 + number % ARGV[2], 'res-' .. digits)
