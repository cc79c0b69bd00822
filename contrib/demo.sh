# SPDX-License-Identifier: Apache-2.0
#
# contrib/quickstart --demo: a small shop (web asks api, api asks db and cache), then web
# reaches where it never went. Containers where an engine runs, else namespaces. Read by
# quickstart; every name below is the demo's own, and demo_remove takes all of it back.

demo_project=ewdemo
demo_bridge=ewdemo0
demo_net=10.213.77

demo_engine() { # prints the command of an engine that answers
	for engine in docker podman; do
		if command -v $engine >/dev/null && $engine info >/dev/null 2>&1; then
			echo $engine
			return
		fi
	done
	return 1
}

# What each part does, as a shell line for busybox. $1 part, $2 name or address of its peers.
demo_script() {
	case $1 in
	db) echo 'while :; do nc -ll -p 5432 -e echo row; done' ;;
	cache) echo 'while :; do nc -ll -p 6379 -e echo value; done' ;;
	api) echo "mkdir -p /tmp/www; echo ok >/tmp/www/index.html; httpd -p 8080 -h /tmp/www
		while sleep 1; do nc $2 5432 </dev/null; nc $3 6379 </dev/null; done" ;;
	web) echo "while sleep 1; do wget -qO- http://$2:8080/ || true; done" ;;
	esac
}
# The lateral move: look for what listens on db, then take what it offers.
demo_attack() {
	echo "for port in 21 22 23 25 80 110 143 443 445 1433 1521 3306 3389 5900 8080 9200 27017; do
		nc -w 1 $1 \$port </dev/null; done
	for i in 1 2 3; do nc -w 2 $1 5432 </dev/null; done"
}

demo_containers() {
	say "starting the demo's containers (project $demo_project) with $1"
	folder=$(mktemp -d)
	mkdir -p "$folder/bin" "$folder/tmp" "$folder/etc" "$folder/proc" "$folder/sys" "$folder/dev"
	cp /bin/busybox "$folder/bin/busybox"
	for applet in $(/bin/busybox --list); do
		[ "$applet" = busybox ] || ln -s busybox "$folder/bin/$applet"
	done
	tar -C "$folder" -c . | $1 import - $demo_project-busybox >/dev/null
	rm -rf "$folder"
	$1 network create ${demo_project}_default >/dev/null
	for part in db cache api web; do
		case $part in
		api) script=$(demo_script api db cache) ;;
		web) script=$(demo_script web api) ;;
		*) script=$(demo_script $part) ;;
		esac
		$1 run -d --name $demo_project-$part-1 --network ${demo_project}_default --network-alias $part \
			--label com.docker.compose.project=$demo_project --label com.docker.compose.service=$part \
			--label com.docker.compose.container-number=1 \
			$demo_project-busybox /bin/sh -c "$script" >/dev/null
		echo "$demo_project-$part-1"
	done
}

demo_namespaces() {
	say "no container engine runs here: starting the demo in network namespaces instead"
	if ip -4 route show table all | grep -qF "$demo_net."; then
		die "the demo's network $demo_net.0/24 is in use on this machine"
	fi
	ip link add $demo_bridge type bridge
	ip address add $demo_net.1/24 dev $demo_bridge
	ip link set $demo_bridge up
	number=1
	for part in db cache api web; do
		number=$((number + 1))
		ip netns add $demo_project-$part
		ip -n $demo_project-$part link set lo up
		ip link add ewd-$part type veth peer name eth0 netns $demo_project-$part
		ip link set ewd-$part master $demo_bridge up
		ip -n $demo_project-$part address add $demo_net.$number/24 dev eth0
		ip -n $demo_project-$part link set eth0 up
		ip -n $demo_project-$part route add default via $demo_net.1
		case $part in
		api) script=$(demo_script api $demo_net.2 $demo_net.3) ;;
		web) script=$(demo_script web $demo_net.4) ;;
		*) script=$(demo_script $part) ;;
		esac
		ip netns exec $demo_project-$part setsid busybox sh -c "$script" >/dev/null 2>&1 </dev/null &
		echo "$part is $demo_net.$number"
	done
}

demo_remove() {
	if engine=$(demo_engine); then
		for part in web api cache db; do
			$engine rm -f $demo_project-$part-1 >/dev/null 2>&1 || true
		done
		$engine network rm ${demo_project}_default >/dev/null 2>&1 || true
		$engine rmi $demo_project-busybox >/dev/null 2>&1 || true
	fi
	for part in db cache api web; do
		if [ -e /run/netns/$demo_project-$part ]; then
			# shellcheck disable=SC2046 # pids are words
			kill -KILL $(ip netns pids $demo_project-$part) 2>/dev/null || true
			ip netns del $demo_project-$part
		fi
	done
	if [ -e /sys/class/net/$demo_bridge ]; then
		ip link del $demo_bridge
	fi
}

demo_run() {
	trap 'trap - INT TERM EXIT; demo_remove; exit 130' INT TERM
	trap demo_remove EXIT
	demo_remove # of an earlier run
	since=$(date -u +%Y-%m-%dT%H:%M:%SZ)
	if engine=$(demo_engine); then
		demo_containers "$engine"
		attack() { $engine exec $demo_project-web-1 /bin/sh -c "$(demo_attack db)" >/dev/null 2>&1 || true; }
	else
		demo_namespaces
		attack() { ip netns exec $demo_project-web busybox sh -c "$(demo_attack $demo_net.2)" >/dev/null 2>&1 || true; }
	fi
	say "they talk for twenty seconds; what eastwatch sees of it (eastwatch edges)"
	sleep 20
	eastwatch workloads
	echo
	eastwatch edges --since "$since"
	say "now web, as if taken over, tries the ports of db and opens its database"
	attack
	say "the incident (eastwatch incidents)"
	tries=0
	id=
	while [ -z "$id" ] && [ $tries -lt 120 ]; do
		sleep 0.5
		tries=$((tries + 1))
		id=$(eastwatch incidents --since "$since" -o json 2>/dev/null |
			grep -o '"id": *"[^"]*"' | head -n 1 | cut -d'"' -f4)
	done
	[ -n "$id" ] || die "no incident came within a minute; 'eastwatch signals' and 'eastwatch doctor' may say why"
	sleep 3 # the rest of the signals join it
	eastwatch incidents --since "$since"
	say "why (eastwatch explain $id)"
	eastwatch explain "$id"
	say "the demo's parts are taken away; the daemon goes on watching"
	echo "stop it:   contrib/quickstart --uninstall"
}
