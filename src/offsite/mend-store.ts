import type { StoreCheck } from '../model/ice/store-checks.ts';
import type { GoogleStoreLocation, S3StoreLocation } from '../model/ice/store-location.ts';

/** The store's own command that makes a check pass; what it cannot know is in capital letters. */
export type MendStore = (check: StoreCheck, days: number) => string;

/** By gcloud. */
export function mendGoogle({ bucket }: GoogleStoreLocation): MendStore {
  const update = `gcloud storage buckets update gs://${bucket}`;
  const grant = (role: string): string =>
    `gcloud storage buckets add-iam-policy-binding gs://${bucket} --member=serviceAccount:ACCOUNT --role=${role}`;
  const onlyUpload = `take its other roles away: gcloud storage buckets get-iam-policy gs://${bucket} and gcloud projects get-iam-policy PROJECT show them, gcloud storage buckets remove-iam-policy-binding gs://${bucket} --member=serviceAccount:ACCOUNT --role=ROLE removes one`;
  return (check, days) => {
    switch (check) {
      case 'store-retention-missing':
      case 'store-retention-short':
      case 'store-overwritten-lost':
        return `${update} --retention-period=${days}d`;
      case 'store-retention-unlocked':
        return `${update} --lock-retention-period (it cannot be undone)`;
      case 'store-removes-early':
        return `${update} --clear-lifecycle`;
      case 'store-moves-early':
        return `${update} --clear-lifecycle --no-enable-autoclass`;
      case 'store-may-not-create':
        return grant('projects/PROJECT/roles/brinicleUpload');
      default:
        return onlyUpload;
    }
  };
}

/** By aws. */
export function mendS3({ bucket }: S3StoreLocation): MendStore {
  const api = (command: string): string => `aws s3api ${command} --bucket ${bucket}`;
  const userPolicy =
    'aws iam put-user-policy --user-name USER --policy-name brinicle-upload --policy-document file://brinicle-upload.json';
  const onlyUpload = `${userPolicy} (docs/stores.md has the file), and take its other policies away: aws iam list-user-policies --user-name USER, aws iam list-attached-user-policies --user-name USER and aws iam list-groups-for-user --user-name USER show them`;
  return (check, days) => {
    switch (check) {
      case 'store-retention-missing':
      case 'store-retention-unlocked':
      case 'store-retention-short': {
        const rule = `{"ObjectLockEnabled":"Enabled","Rule":{"DefaultRetention":{"Mode":"COMPLIANCE","Days":${days}}}}`;
        return `${api('put-object-lock-configuration')} --object-lock-configuration '${rule}'`;
      }
      case 'store-overwritten-lost':
        return `${api('put-bucket-versioning')} --versioning-configuration Status=Enabled`;
      case 'store-removes-early':
      case 'store-moves-early':
        return `${api('delete-bucket-lifecycle')}, or ${api('put-bucket-lifecycle-configuration')} --lifecycle-configuration file://brinicle-lifecycle.json (docs/stores.md has the file)`;
      case 'store-may-overwrite':
        return `${api('put-bucket-policy')} --policy file://brinicle-bucket.json (docs/stores.md has the file)`;
      case 'store-may-not-create':
        return `${userPolicy} (docs/stores.md has the file)`;
      default:
        return onlyUpload;
    }
  };
}
