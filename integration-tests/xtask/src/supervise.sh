# supervise.sh LOG PROGRAM ARGUMENT..
# Runs PROGRAM with its output in LOG, prints its pid, and stops it when our stdin closes: whoever holds the other
# end of that pipe may die in any way, and nothing is left running.
trap '' INT
exec 3<&0
log=$1
shift
"$@" >>"$log" 2>&1 </dev/null 3<&- &
child=$!
trap 'kill -TERM "$child"' TERM HUP
echo "$child"
exec 2>/dev/null # where a shell reports how its children ended
{
    read -r _ <&3
    kill -TERM "$child"
} >/dev/null &
watcher=$!
wait "$child"
status=$?
while kill -0 "$child"; do
    wait "$child"
    status=$?
done
kill -TERM "$watcher"
exit "$status"
