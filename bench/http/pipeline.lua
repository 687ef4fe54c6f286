-- For wrk: as many requests at a time on every connection as the first argument says.
init = function(args)
  local all = string.rep(wrk.format(), tonumber(args[1]))
  request = function() return all end
end
