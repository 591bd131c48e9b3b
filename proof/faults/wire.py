"""A wire between two networks that delays, loses and swallows packets, for kernels without netem.

Opens two TUN devices, NEAR and FAR, prints "ready", and carries packets between them. Whoever started it moves one device to another
network namespace. Each line on standard input is a JSON object that changes what the wire does:

  delay   how long each packet is under way, in seconds; all the same, so they keep their order
  loss    the share of packets that are lost, 0 to 1
  isOpen  false: all packets vanish, and nobody is told

It ends with its standard input.
"""

import fcntl
import heapq
import json
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000

# The longest packet, in bytes: above the devices' MTU of 1500.
MAX_PACKET = 4096


def open_device(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


class Wire:
    def __init__(self, near, far, seed):
        self.other = {near: far, far: near}
        self.random = random.Random(seed)
        self.settings = {"delay": 0, "loss": 0, "isOpen": True}
        self.under_way = []
        self.number = 0

    def take(self, device):
        try:
            packet = os.read(device, MAX_PACKET)
        except OSError:
            # The device is not up yet, or is going away.
            return
        if self.settings["isOpen"] and self.random.random() >= self.settings["loss"]:
            self.number += 1
            due = time.monotonic() + self.settings["delay"]
            heapq.heappush(self.under_way, (due, self.number, self.other[device], packet))

    def deliver(self):
        while self.under_way and self.under_way[0][0] <= time.monotonic():
            _, _, device, packet = heapq.heappop(self.under_way)
            try:
                os.write(device, packet)
            except OSError:
                # A full or closed device loses packets, as real ones do.
                pass

    def patience(self):
        if not self.under_way:
            return None
        return max(0, self.under_way[0][0] - time.monotonic())


def main():
    near_name, far_name, seed = sys.argv[1:4]
    near, far = open_device(near_name), open_device(far_name)
    wire = Wire(near, far, int(seed))
    print("ready", flush=True)
    while True:
        readable, _, _ = select.select([near, far, sys.stdin], [], [], wire.patience())
        for source in readable:
            if source is sys.stdin:
                line = sys.stdin.readline()
                if not line:
                    return
                wire.settings.update(json.loads(line))
                print("done", flush=True)
            else:
                wire.take(source)
        wire.deliver()


main()
