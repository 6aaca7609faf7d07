#!/bin/bash
# A throw-away Slurm on one machine: every node has its own network, host name, processes, /dev/shm.
#   cluster.sh up FOLDER [NODES]     needs root, slurm-wlm slurm-wlm-basic-plugins munge iproute2 libpmix-dev
#   cluster.sh on FOLDER NODE CMD... inside a node (ctl: where jobs are submitted)
#   cluster.sh kill FOLDER NODE      the node loses its power, and Slurm is told
#   cluster.sh boot FOLDER NODE      and gets it back
#   cluster.sh cut FOLDER NODE       its link is cut; processes go on
#   cluster.sh mend FOLDER NODE      and joined again
#   cluster.sh down FOLDER
# FOLDER/small is a disk of 8 MB that all nodes share. All traffic stays inside the namespaces db$ID-*.
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
idle() { # idle NUMBER: until so many nodes are ready for work
  for _ in $(seq 120); do
    [ "$("$0" on "$folder" ctl sinfo -h -t idle -o %D 2>/dev/null)" = "$1" ] && return; sleep 0.5
  done
  echo "no cluster: $(tail -n 3 "$folder"/slurm*.log)" >&2; return 1
}
boot() { # boot NODE: with an empty disk; what a step left would be in the way of its next start
  rm -rf "$folder/spool.$1" "$folder/tmp.$1"; mkdir "$folder/spool.$1"; start "$1" slurmd -N "$1"
}
case $verb in
up)
  nodes=${1:-2}; mkdir -p "$folder"/{state,munge,small}; chmod 755 "$folder"
  mount -t tmpfs -o size=8m small "$folder/small"
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
SlurmdTimeout=60
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
  for node in $(seq -f n%g $nodes); do boot $node; done
  idle $nodes ;;
on) node=$1; shift
  SLURM_CONF="$folder/slurm.conf" exec nsenter -t "$(cat "$folder/$node.init")" -m -u -i -p -n --wdns="$PWD" "$@" ;;
kill)
  kill -9 "$(cat "$folder/$1.init")"
  "$0" on "$folder" ctl scontrol update NodeName=$1 State=DOWN Reason=power ;;
boot)
  boot $1
  # what it was given up for is over, and so are its jobs
  "$0" on "$folder" ctl scontrol update NodeName=$1 State=RESUME 2>/dev/null || :
  idle $(grep -c ' n' "$folder/hosts") ;;
name) echo db$id ;;
cut) ip -n db$id-sw link set v-$1 down ;;
mend) ip -n db$id-sw link set v-$1 up ;;
down)
  for f in "$folder"/*.init; do kill -9 "$(cat "$f")" 2>/dev/null || :; done
  kill "$(cat "$folder/munge/pid")" 2>/dev/null || :
  umount -l "$folder/small" 2>/dev/null || :
  for ns in $(ip netns list | awk '{print $1}' | grep "^db$id-"); do ip netns del $ns; done ;;
esac
