"""What may stand in a skaffold config, by version of its API (https://skaffold.dev/docs/references/yaml/).

The table has a line for each object, and for each field a word:

    name[:type][!][@since][<before]

A field without a type holds one text, number or truth; `int` and `bool` are what they say, `[]` is a list of texts,
`{}` a map of them, `any` whatever there is, another object's name is that object, `[Name]` a list of such. `!` marks a
field that must be there. Fields of `@v4beta5` came with that version, those of `<v3` went with that one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

_TABLE = """
SkaffoldConfig apiVersion! kind! metadata:Metadata requires:[ConfigDependency] profiles:[Profile] build:BuildConfig
  test:[TestCase] manifests:RenderConfig@v3alpha1 deploy:DeployConfig portForward:[PortForwardResource]
  resourceSelector:ResourceSelectorConfig verify:[VerifyTestCase]@v3alpha1 customActions:[Action]@v4beta5
Profile name! activation:[Activation] requiresAllActivations:bool@v3alpha1 patches:[JSONPatch] build:BuildConfig
  test:[TestCase] manifests:RenderConfig@v3alpha1 deploy:DeployConfig portForward:[PortForwardResource]
  resourceSelector:ResourceSelectorConfig verify:[VerifyTestCase]@v3alpha1 customActions:[Action]@v4beta5
Metadata name labels:{}@v3alpha1 annotations:{}@v3alpha1
Activation env kubeContext command
JSONPatch op path! from value:any
ConfigDependency configs:[] path git:GitInfo activeProfiles:[ProfileDependency]
  googleCloudStorage:GoogleCloudStorageInfo@v4beta7 googleCloudBuildRepoV2:GoogleCloudBuildRepoV2Info@v4beta10
ProfileDependency name! activatedBy:[]
GitInfo repo! path ref sync:bool
GoogleCloudStorageInfo source path sync:bool
GoogleCloudBuildRepoV2Info projectID! region! connection! repo! path ref sync:bool
PortForwardResource resourceType resourceName namespace port:any address localPort:int
ResourceSelectorConfig allow:[ResourceFilter] deny:[ResourceFilter]
ResourceFilter type<v2beta28 groupKind<v2beta28 groupKind!@v2beta28 image:[] labels:[] podSpec:[]@v3alpha1
TestCase image! context custom:[CustomTest] structureTests:[] structureTestsArgs:[]
CustomTest command! timeoutSeconds:int dependencies:CustomTestDependencies
CustomTestDependencies command paths:[] ignore:[]

Action name! executionMode:ExecutionMode timeout:int failFast:bool containers:[VerifyContainer]!
VerifyTestCase name! container:VerifyContainer!@v4beta4 container:any!@v4beta3<v4beta4 container:any@v3alpha1<v4beta3
  executionMode:ExecutionMode@v4beta4 timeout:int@v4beta6
VerifyContainer name! image! command:[] args:[] env:[VerifyEnvVar]
VerifyEnvVar name! value
ExecutionMode local:LocalVerifier kubernetesCluster:KubernetesClusterVerifier
LocalVerifier useLocalImages:bool@v4beta8
KubernetesClusterVerifier overrides jobManifestPath

RenderConfig rawYaml:[] remoteManifests:[RemoteManifest]@v4beta1 kustomize:Kustomize helm:Helm kpt:[]
  hooks:RenderHooks transform:any validate:any output
RemoteManifest kubeContext manifest
Kustomize paths:[] buildArgs:[]
Helm flags:HelmDeployFlags releases:[HelmRelease]!
RenderHooks before:[RenderHookItem] after:[PostRenderHookItem]
RenderHookItem host:HostHook
PostRenderHookItem host:PostRenderHostHook
PostRenderHostHook command:[]! os:[] dir withChange:bool@v4beta9

DeployConfig docker:DockerDeploy helm:LegacyHelmDeploy kpt:KptDeploy kubectl:KubectlDeploy
  kustomize:KustomizeDeploy<v3alpha1 cloudrun:CloudRunDeploy@v3alpha1 statusCheck:bool statusCheckDeadlineSeconds:int
  tolerateFailuresUntilDeadline:bool@v4beta1 kubeContext logs:LogsConfig
DockerDeploy useCompose:bool images:[]!
CloudRunDeploy projectid region hooks:CloudRunDeployHooks@v4beta2
CloudRunDeployHooks before:[HostHook] after:[HostHook]
KubectlDeploy flags:KubectlFlags remoteManifests:[] defaultNamespace hooks:DeployHooks manifests:[]<v3alpha1
KubectlFlags global:[] apply:[] delete:[] disableValidation:bool
KustomizeDeploy paths:[] flags:KubectlFlags buildArgs:[] defaultNamespace hooks:DeployHooks
LegacyHelmDeploy concurrency:int@v4beta12 releases:[HelmRelease]!<v3alpha1 releases:[HelmRelease]@v3alpha1
  flags:HelmDeployFlags hooks:DeployHooks
HelmDeployFlags global:[] install:[] upgrade:[] depBuild:[]@v4beta13 template:[]@v4beta13
HelmRelease name! chartPath remoteChart valuesFiles:[] namespace version setValues:any setValueTemplates:any
  setFiles:{} createNamespace:bool wait:bool recreatePods:bool skipBuildDependencies:bool skipTests:bool@v4beta1
  useHelmSecrets:bool repo upgradeOnChange:bool overrides:any packaged:HelmPackaged dependsOn:[]@v4beta12
  artifactOverrides:any<v3alpha1 imageStrategy:any<v3alpha1
HelmPackaged version appVersion
KptDeploy dir!<v3alpha1 dir@v3alpha1 fn:any<v3alpha1 live:any<v3alpha1 applyFlags:[]@v3alpha1 flags:[]@v3alpha1
  name@v3alpha1 inventoryID@v3alpha1 namespace@v3alpha1 defaultNamespace@v3alpha1 false:bool@v3alpha1<v4beta8
  force:bool@v4beta8
DeployHooks before:[DeployHookItem] after:[DeployHookItem]
DeployHookItem host:HostHook container:NamedContainerHook
HostHook command:[]! os:[] dir
ContainerHook command:[]!
NamedContainerHook podName! containerName command:[]!
LogsConfig prefix jsonParse:JSONParseConfig
JSONParseConfig fields:[]

BuildConfig artifacts:[Artifact] insecureRegistries:[] tagPolicy:TagPolicy platforms:[] local:LocalBuild
  googleCloudBuild:GoogleCloudBuild cluster:ClusterDetails hooks:BuildHooks@v4beta7
Artifact image! context sync:Sync hooks:BuildHooks platforms:[] requires:[ArtifactDependency] runtimeType@v4beta2
  docker:DockerArtifact bazel:BazelArtifact ko:KoArtifact jib:JibArtifact kaniko:KanikoArtifact
  buildpacks:BuildpackArtifact custom:CustomArtifact
ArtifactDependency image! alias
BuildHooks before:[HostHook] after:[HostHook]
Sync manual:[SyncRule] infer:[] auto:bool hooks:SyncHooks
SyncRule src! dest! strip
SyncHooks before:[SyncHookItem] after:[SyncHookItem]
SyncHookItem host:HostHook container:ContainerHook
TagPolicy gitCommit:GitTagger sha256:any envTemplate:EnvTemplateTagger dateTime:DateTimeTagger
  customTemplate:CustomTemplateTagger inputDigest:any
GitTagger variant prefix ignoreChanges:bool
EnvTemplateTagger template!
DateTimeTagger format timezone
CustomTemplateTagger template! components:[TaggerComponent]
TaggerComponent name gitCommit:GitTagger sha256:any envTemplate:EnvTemplateTagger dateTime:DateTimeTagger
  customTemplate:CustomTemplateTagger inputDigest:any
LocalBuild push:bool tryImportMissing:bool useDockerCLI:bool useBuildkit:bool concurrency:int
GoogleCloudBuild projectId diskSizeGb:int machineType timeout logging logStreamingOption dockerImage kanikoImage
  mavenImage gradleImage packImage koImage@v3alpha1 bucket@v4beta12 concurrency:int workerPool region
  serviceAccount@v3alpha1 platformEmulatorInstallStep:PlatformEmulatorInstallStep@v3alpha1
PlatformEmulatorInstallStep image! args:[] entrypoint
ClusterDetails HTTP_PROXY HTTPS_PROXY pullSecretPath pullSecretName pullSecretMountPath namespace timeout
  dockerConfig:DockerConfig serviceAccount tolerations:any nodeSelector:{} annotations:{} labels:{}@v4beta12
  runAsUser:int resources:ResourceRequirements concurrency:int volumes:any randomPullSecret:bool
  randomDockerConfigSecret:bool
DockerConfig path secretName
ResourceRequirements requests:ResourceRequirement limits:ResourceRequirement
ResourceRequirement cpu memory ephemeralStorage resourceStorage
DockerArtifact dockerfile target buildArgs:{} network addHost:[] cacheFrom:[] cliFlags:[] pullParent:bool noCache:bool
  squash:bool secret:DockerSecret<v2beta23 secrets:[DockerSecret] ssh
DockerSecret id! src dst<v2beta17 env
BazelArtifact target! args:[] platforms:[BazelPlatformMapping]@v4beta10
BazelPlatformMapping platform! target!
KoArtifact fromImage dependencies:KoDependencies dir env:[] flags:[] labels:{} ldflags:[] main args:any<v2beta28
  platforms:any<v2beta28
KoDependencies paths:[] ignore:[]
JibArtifact project args:[] type fromImage
BuildpackArtifact builder!<v3alpha1 builder@v3alpha1 runImage env:[] buildpacks:[] trustBuilder:bool
  clearCache:bool@v3alpha1 projectDescriptor dependencies:BuildpackDependencies volumes:any<v3alpha1
  volumes:[BuildpackVolume]@v3alpha1 buildArgs:[]@v4beta14
BuildpackDependencies paths:[] ignore:[]
BuildpackVolume host! target! options
CustomArtifact buildCommand dependencies:CustomDependencies
CustomDependencies dockerfile:DockerfileDependency command paths:[] ignore:[]
DockerfileDependency path buildArgs:{}
KanikoArtifact cleanup:bool insecure:bool insecurePull:bool noPush:bool<v4beta5 force:bool logTimestamp:bool
  reproducible:bool singleSnapshot:bool skipTLS:bool skipTLSVerifyPull:bool skipUnusedStages:bool useNewRun:bool
  whitelistVarRun:bool dockerfile target initImage image digestFile imageFSExtractRetry imageNameWithDigestFile
  logFormat ociLayoutPath registryMirror snapshotMode pushRetry tarPath verbosity insecureRegistry:[]
  skipTLSVerifyRegistry:[] env:any cache:KanikoCache registryCertificate:{} label:{} buildArgs:{} volumeMounts:any
  contextSubPath@v3alpha1 ignorePaths:[]@v4beta2 copyMaxRetries:int@v4beta10 copyTimeout@v4beta10
  destination:[]@v4beta11 buildContextCompressionLevel:int@v4beta12 imagePullSecret@v4beta12
KanikoCache repo hostPath ttl cacheCopyLayers:bool cacheRunLayers:bool@v4beta12
"""
_WORD = re.compile(r"(?P<name>\w+)(?::(?P<type>[\w\[\]{}]+))?(?P<required>!)?(?:@(?P<since>\w+))?(?:<(?P<before>\w+))?")

VERSIONS = (
    *(f"v1alpha{number}" for number in range(1, 6)),
    *(f"v1beta{number}" for number in range(1, 18)),
    "v1",
    *(f"v2alpha{number}" for number in range(1, 5)),
    *(f"v2beta{number}" for number in range(1, 30)),
    *("v3alpha1", "v3"),
    *(f"v4beta{number}" for number in range(1, 15)),
)
"""The versions that skaffold reads, oldest first."""

_OLDEST_CHECKED = "v2beta13"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an object.

    Attributes:
        type: As in the table, e.g. `[VerifyContainer]`; empty for one text, number or truth.
        required: Whether it must be there.
    """

    type: str
    required: bool


Objects = Mapping[str, Mapping[str, Field]]
"""The fields of each kind of object."""


@cache
def objects(version: str) -> Objects | None:
    """The objects of a version's configs; `None` for versions so old that their fields are not known here.

    Args:
        version: One of `VERSIONS`.
    """
    at = VERSIONS.index(version)
    if at < VERSIONS.index(_OLDEST_CHECKED):
        return None
    found: dict[str, dict[str, Field]] = {}
    fields: dict[str, Field] = {}
    for line in _TABLE.splitlines():
        words = list(_WORD.finditer(line))
        if words and not line.startswith(" "):
            fields = found.setdefault(words.pop(0)[0], {})
        for word in words:
            begin, end = word["since"] or VERSIONS[0], word["before"]
            if at >= VERSIONS.index(begin) and (end is None or at < VERSIONS.index(end)):
                fields[word["name"]] = Field(word["type"] or "", word["required"] is not None)
    return found
