-- One event a request, each of another page view; ends with a line of JSON.
dofile(debug.getinfo(1, "S").source:match("^@(.*)/") .. "/report.lua")

local requests = {}
local number = 0

function init()
  for line in io.lines(os.getenv("EVENTS")) do
    requests[#requests + 1] = wrk.format("POST", wrk.path, { ["Content-Type"] = "application/json" }, line)
  end
end

function request()
  number = number % #requests + 1
  return requests[number]
end
