"""What services run on: network, cluster, load balancer."""

from typing import Final

import aws_cdk as cdk
import jsii
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from stacks.platform_settings import MOST_ZONES, Platform
from stacks.rule_packs import acknowledge

_VPC_FINDINGS: Final = {
    "IAMNoInlinePolicy": "The role of the flow logs is for them alone: its inline policy can be "
    "attached to nothing else, and is deleted with it.",
    "VPCNoUnrestrictedRouteToIGW": "Only the public subnets lead to the internet. They hold the "
    "load balancer, which serves it, and the NAT gateways; tasks are in the private ones.",
}
_NOT_ONLY_PRIMITIVES: Final = (
    "The rule fails at the address of a NAT gateway, which the deployment alone knows. The group "
    "opens the listeners' ports: 80 and 443 to everybody, test_port to the NAT gateways."
)
_FLOW_LOGS_FINDINGS: Final = {
    "CloudWatchLogGroupEncrypted": "CloudWatch Logs encrypts them with a key that AWS owns; "
    "logs.kms_key_arn in the settings is for one of your own.",
}
_GROUP_FINDINGS: Final = {
    "AwsSolutions-EC23": "A public web service takes requests from everywhere; only the load "
    "balancer does, tasks take them from it alone.",
    "EC2RestrictedCommonPorts": _NOT_ONLY_PRIMITIVES,
    "EC2RestrictedSSH": _NOT_ONLY_PRIMITIVES,
}
_REDIRECT_FINDINGS: Final = {
    "ELBv2ACMCertificateRequired": "It serves nothing: it redirects every request to HTTPS.",
}
_TEST_LISTENER_FINDINGS: Final = dict.fromkeys(
    ("ALBHttpToHttpsRedirection", "ELBv2ACMCertificateRequired"),
    "Only probes of new versions reach it, from the NAT gateways' addresses: a GET request without "
    "anybody's data, whose answer is a status.",
)
_ACCESS_LOGS: Final = "This is the bucket for access logs itself."
_COPIES: Final = (
    "A load balancer writes each log once, under a name of its own, and it expires after 90 days. "
    "A second copy is for whoever must keep them for longer."
)
_ACCESS_LOGS_FINDINGS: Final = {
    "AwsSolutions-S1": _ACCESS_LOGS,
    "S3BucketLoggingEnabled": _ACCESS_LOGS,
    "S3BucketReplicationEnabled": _COPIES,
    "S3BucketVersioningEnabled": _COPIES,
    "S3DefaultEncryptionKMS": "Load balancers write their access logs only to a bucket that is "
    "encrypted with keys of S3; it refuses everything but TLS.",
}


class PlatformStack(cdk.Stack):
    """A VPC, a cluster and a load balancer.

    Parameters
    ----------
    scope
        The app.
    construct_id
        The stack's id.
    settings
        The platform's settings.
    env
        Where the stack goes.
    """

    cluster: ecs.ICluster
    listener: elbv2.IApplicationListener
    http_listener: elbv2.IApplicationListener | None
    test_listener: elbv2.IApplicationListener | None

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Platform,
        env: cdk.Environment | None,
    ) -> None:
        self._zones = settings.max_availability_zones
        super().__init__(
            scope, construct_id, env=env, description="Network, cluster and load balancer"
        )
        self._make(settings)

    @property
    @jsii.member(jsii_name="availabilityZones")
    def availability_zones(self) -> list[str]:
        """The first zones of the region.

        Where account and region are known, the CDK would look the zones up, and synthesis would
        need credentials; where they are not, it would stop at two.
        """
        return [cdk.Fn.select(number, cdk.Fn.get_azs()) for number in range(self._zones)]

    def _make(self, settings: Platform) -> None:
        flow_logs = logs.LogGroup(self, "FlowLogs", retention=logs.RetentionDays.ONE_MONTH)
        acknowledge(flow_logs, _FLOW_LOGS_FINDINGS)
        vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=settings.max_availability_zones,
            # So that another zone later leaves the ranges of the subnets that are there alone.
            reserved_azs=MOST_ZONES - settings.max_availability_zones,
            nat_gateways=settings.nat_gateways,
            subnet_configuration=[
                # Load balancer and NAT gateways have addresses of their own; nothing else gets one.
                ec2.SubnetConfiguration(
                    name="Public",
                    subnet_type=ec2.SubnetType.PUBLIC,
                    map_public_ip_on_launch=False,
                ),
                ec2.SubnetConfiguration(
                    name="Private", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS
                ),
            ],
            flow_logs={
                "Rejected": ec2.FlowLogOptions(
                    destination=ec2.FlowLogDestination.to_cloud_watch_logs(flow_logs),
                    traffic_type=ec2.FlowLogTrafficType.REJECT,
                )
            },
        )
        acknowledge(vpc, _VPC_FINDINGS)
        self.cluster = ecs.Cluster(
            self, "Cluster", vpc=vpc, container_insights_v2=ecs.ContainerInsights.ENABLED
        )
        balancer = elbv2.ApplicationLoadBalancer(
            self,
            "LoadBalancer",
            vpc=vpc,
            internet_facing=True,
            drop_invalid_header_fields=True,
            deletion_protection=settings.deletion_protection,
        )
        self._log_access(balancer)
        if settings.web_acl_arn is not None:
            wafv2.CfnWebACLAssociation(
                self,
                "Firewall",
                resource_arn=balancer.load_balancer_arn,
                web_acl_arn=settings.web_acl_arn,
            )
        acknowledge(balancer.connections.security_groups[0], _GROUP_FINDINGS)
        self._listen(balancer, settings.certificate_arn)
        self.test_listener = None
        if settings.test_port is not None:
            self.test_listener = self._listen_for_probes(balancer, vpc, settings.test_port)
        # What services import, whichever there are: AWS refuses to take back an export that a stack
        # imports whose service has left the settings and is still deployed.
        listeners = (self.listener, self.http_listener, self.test_listener)
        for value in (
            vpc.vpc_id,
            *(subnet.subnet_id for subnet in vpc.private_subnets),
            self.cluster.cluster_name,
            balancer.connections.security_groups[0].security_group_id,
            balancer.load_balancer_dns_name,
            *(listener.listener_arn for listener in listeners if listener is not None),
        ):
            self.export_value(value)
        cdk.CfnOutput(
            self,
            "LoadBalancerDnsName",
            value=balancer.load_balancer_dns_name,
            description="Where services answer; the name of a certificate is to point here",
        )

    def _listen(self, balancer: elbv2.ApplicationLoadBalancer, certificate_arn: str | None) -> None:
        # One listener on port 80, with a certificate and without: a load balancer takes no second
        # one there, as CloudFormation would make it before it removes the first.
        http = balancer.add_listener(
            "Http",
            port=80,
            default_action=_nothing_here() if certificate_arn is None else _to_https(),
        )
        if certificate_arn is None:
            self.listener, self.http_listener = http, None
            cdk.Annotations.of(http).add_warning_v2(
                "delivery:PlainHttp",
                "The load balancer speaks HTTP, which anybody on the way can read and change. Set "
                "platform.certificate_arn; it may come later.",
            )
            return
        acknowledge(http, _REDIRECT_FINDINGS)
        self.http_listener = http
        self.listener = balancer.add_listener(
            "Https",
            port=443,
            certificates=[acm.Certificate.from_certificate_arn(self, "Cert", certificate_arn)],
            ssl_policy=elbv2.SslPolicy.RECOMMENDED_TLS,
            default_action=_nothing_here(),
        )

    def _listen_for_probes(
        self, balancer: elbv2.ApplicationLoadBalancer, vpc: ec2.Vpc, port: int
    ) -> elbv2.IApplicationListener:
        listener = balancer.add_listener(
            "Test",
            port=port,
            protocol=elbv2.ApplicationProtocol.HTTP,
            open=False,
            default_action=_nothing_here(),
        )
        acknowledge(listener, _TEST_LISTENER_FINDINGS)
        # The load balancer has public addresses alone: what asks it from the private subnets comes
        # through the NAT gateways, so that it sees their addresses.
        for subnet in vpc.public_subnets:
            address = subnet.node.try_find_child("EIP")
            if isinstance(address, ec2.CfnEIP):
                balancer.connections.allow_from(
                    ec2.Peer.ipv4(f"{address.attr_public_ip}/32"),
                    ec2.Port.tcp(port),
                    "Probes of new versions, through a NAT gateway",
                )
        return listener

    def _log_access(self, balancer: elbv2.ApplicationLoadBalancer) -> None:
        # The L2's log_access_logs() wants a region at synthesis, for account ids that AWS has since
        # replaced by a service principal.
        bucket = s3.Bucket(
            self,
            "AccessLogs",
            encryption=s3.BucketEncryption.S3_MANAGED,  # the only one that load balancers write to
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=cdk.Duration.days(90))],
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        acknowledge(bucket, _ACCESS_LOGS_FINDINGS)
        # The path names the load balancer's account: nobody else's logs get in.
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["s3:PutObject"],
                resources=[bucket.arn_for_objects(f"AWSLogs/{self.account}/*")],
                principals=[iam.ServicePrincipal("logdelivery.elasticloadbalancing.amazonaws.com")],
            )
        )
        balancer.set_attribute("access_logs.s3.enabled", "true")
        balancer.set_attribute("access_logs.s3.bucket", bucket.bucket_name)
        if bucket.policy is not None:
            # The load balancer tries the bucket when it is made.
            balancer.node.add_dependency(bucket.policy)


def _nothing_here() -> elbv2.ListenerAction:
    return elbv2.ListenerAction.fixed_response(
        404, content_type="text/plain", message_body="No service has this address.\n"
    )


def _to_https() -> elbv2.ListenerAction:
    return elbv2.ListenerAction.redirect(protocol="HTTPS", port="443", permanent=True)
