-- EVENTS_A_REQUEST events a request, one a line (NDJSON); ends with a line of JSON.
dofile(debug.getinfo(1, "S").source:match("^@(.*)/") .. "/report.lua")

local BODIES = 50
local requests = {}
local number = 0

function init()
  local size = tonumber(os.getenv("EVENTS_A_REQUEST"))
  local lines = {}
  for line in io.lines(os.getenv("EVENTS")) do
    lines[#lines + 1] = line
    if #lines == size then
      local body = table.concat(lines, "\n")
      requests[#requests + 1] = wrk.format("POST", wrk.path, { ["Content-Type"] = "application/x-ndjson" }, body)
      lines = {}
      if #requests == BODIES then break end
    end
  end
end

function request()
  number = number % #requests + 1
  return requests[number]
end
