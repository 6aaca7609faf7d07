#!/bin/bash
# A throw-away Slurm on one machine: every node has its own network, host name, processes, /dev/shm.
#   cluster.sh up FOLDER [NODES]     needs root, slurm-wlm slurm-wlm-basic-plugins munge iproute2 libpmix-dev
#   cluster.sh on FOLDER NODE CMD... inside a node (ctl: where jobs are submitted)
#   cluster.sh kill FOLDER NODE      the node loses its power
#   cluster.sh down FOLDER
# All traffic stays inside the namespaces db$ID-*.
set -eu
verb=$1; folder=$(realpath -m "$2"); shift 2
id=$(echo -n "$folder" | cksum | cut -c1-4)
start() { # start NODE COMMAND...
  local node=$1; shift
  setsid nsenter --net=/run/netns/db$id-$node unshare --uts --ipc --mount --pid --fork --mount-proc --kill-child \
    bash -c 'hostname $0; mount --bind '$folder'/hosts /etc/hosts; mount -t tmpfs shm /dev/shm
      mkdir -p '$folder'/tmp.$0; export SLURM_CONF='$folder'/slurm.conf; trap "" TERM; "$@"
      while :; do sleep 1000000 & wait; done' $node "$@" >"$folder/$node.out" 2>&1 </dev/null &
  for _ in $(seq 20); do sleep 0.1; pgrep -P $! >"$folder/$node.init" && return; done
  return 1
}
case $verb in
up)
  nodes=${1:-2}; mkdir -p "$folder"/{state,munge}; chmod 755 "$folder"
  ip netns add db$id-sw; ip -n db$id-sw link add br0 type bridge; ip -n db$id-sw link set br0 up
  echo 127.0.0.1 localhost >"$folder/hosts"; i=9
  for node in ctl $(seq -f n%g $nodes); do
    i=$((i + 1)); echo "10.77.0.$i $node" >>"$folder/hosts"
    ip netns add db$id-$node
    ip -n db$id-sw link add v-$node type veth peer name eth0 netns db$id-$node
    ip -n db$id-sw link set v-$node master br0 up
    ip -n db$id-$node link set lo up
    ip -n db$id-$node addr add 10.77.0.$i/24 dev eth0; ip -n db$id-$node link set eth0 up
  done
  head -c 128 /dev/urandom >"$folder/munge/key"; chmod 600 "$folder/munge/key"
  munged --force --key-file="$folder/munge/key" --socket="$folder/munge/s" --pid-file="$folder/munge/pid" \
    --log-file="$folder/munge/log" --seed-file="$folder/munge/seed" --num-threads=1 2>/dev/null
  echo "CgroupAutomount=no" >"$folder/cgroup.conf"
  cat >"$folder/slurm.conf" <<C
ClusterName=db$id
SlurmctldHost=ctl
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge/s,cred_expire=5
CredType=cred/munge
MpiDefault=${MPI_DEFAULT:-pmix}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.%n.pid
SlurmdSpoolDir=$folder/spool.%n
StateSaveLocation=$folder/state
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.%n.log
TmpFS=$folder/tmp.%n
SlurmdTimeout=10
KillWait=5
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=2
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$folder/jobs.txt
NodeName=n[1-$nodes] CPUs=4 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
C
  start ctl slurmctld
  for node in $(seq -f n%g $nodes); do mkdir -p "$folder/spool.$node"; start $node slurmd -N $node; done
  for _ in $(seq 60); do
    [ "$("$0" on "$folder" ctl sinfo -h -t idle -o %D 2>/dev/null)" = "$nodes" ] && exit 0; sleep 0.5
  done
  echo "no cluster: $(tail -n 3 "$folder"/slurm*.log)" >&2; exit 1 ;;
on) node=$1; shift
  SLURM_CONF="$folder/slurm.conf" exec nsenter -t "$(cat "$folder/$node.init")" -m -u -i -p -n --wdns="$PWD" "$@" ;;
kill) kill -9 "$(cat "$folder/$1.init")" ;;
down)
  for f in "$folder"/*.init; do kill -9 "$(cat "$f")" 2>/dev/null || :; done
  kill "$(cat "$folder/munge/pid")" 2>/dev/null || :
  for ns in $(ip netns list | awk '{print $1}' | grep "^db$id-"); do ip netns del $ns; done ;;
esac
