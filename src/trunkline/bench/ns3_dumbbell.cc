// The dumbbell in ns-3: host - router - host, one TCP NewReno flow, 1 Gbit/s and 2.5 ms a link.
// args: octets, socket buffer octets. Prints the nanoseconds of processor time that each link packet took.
#include "ns3/applications-module.h"
#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-module.h"
#include <cstdio>
#include <cstdlib>
#include <ctime>
using namespace ns3;

static uint64_t linkPackets = 0, arrived = 0, wanted = 0;

static void CountSent(Ptr<const Packet>) { linkPackets++; }

static void CountArrived(Ptr<const Packet> packet, const Address&)
{
    arrived += packet->GetSize();
    if (arrived >= wanted)
    {
        Simulator::Stop();
    }
}

int main(int argc, char** argv)
{
    wanted = argc > 1 ? strtoull(argv[1], nullptr, 10) : 20000000ULL;
    const int buffer = argc > 2 ? atoi(argv[2]) : 65536;
    Config::SetDefault("ns3::TcpSocket::SegmentSize", UintegerValue(1448));
    Config::SetDefault("ns3::TcpSocket::SndBufSize", UintegerValue(buffer));
    Config::SetDefault("ns3::TcpSocket::RcvBufSize", UintegerValue(buffer));
    Config::SetDefault("ns3::TcpL4Protocol::SocketType", TypeIdValue(TypeId::LookupByName("ns3::TcpNewReno")));
    NodeContainer nodes;
    nodes.Create(3);
    InternetStackHelper stack;
    stack.InstallAll();
    PointToPointHelper cable;
    cable.SetDeviceAttribute("DataRate", StringValue("1Gbps"));
    cable.SetChannelAttribute("Delay", StringValue("2500us"));
    cable.SetQueue("ns3::DropTailQueue", "MaxSize", StringValue("100000p"));
    Ipv4AddressHelper addresses;
    addresses.SetBase("10.1.0.0", "255.255.255.252");
    NetDeviceContainer devices = cable.Install(nodes.Get(0), nodes.Get(1));
    addresses.Assign(devices);
    addresses.NewNetwork();
    NetDeviceContainer farther = cable.Install(nodes.Get(1), nodes.Get(2));
    Ipv4InterfaceContainer far = addresses.Assign(farther);
    devices.Add(farther);
    Ipv4GlobalRoutingHelper::PopulateRoutingTables();
    for (uint32_t i = 0; i < devices.GetN(); i++)
    {
        devices.Get(i)->TraceConnectWithoutContext("MacTx", MakeCallback(&CountSent));
    }
    PacketSinkHelper sink("ns3::TcpSocketFactory", InetSocketAddress(Ipv4Address::GetAny(), 5000));
    ApplicationContainer server = sink.Install(nodes.Get(2));
    server.Start(Seconds(0));
    server.Get(0)->TraceConnectWithoutContext("Rx", MakeCallback(&CountArrived));
    BulkSendHelper bulk("ns3::TcpSocketFactory", InetSocketAddress(far.GetAddress(1), 5000));
    bulk.SetAttribute("MaxBytes", UintegerValue(wanted));
    bulk.SetAttribute("SendSize", UintegerValue(65536));
    bulk.Install(nodes.Get(0)).Start(Seconds(0));
    Simulator::Stop(Seconds(10000));
    std::clock_t started = std::clock();
    Simulator::Run();
    double ns = 1e9 * (std::clock() - started) / CLOCKS_PER_SEC;
    std::printf("%.1f %llu\n", ns / linkPackets, (unsigned long long)linkPackets);
    Simulator::Destroy();
    return 0;
}
